//! The agent on real desktops, beating at a real server.

mod configuration;
mod console;
mod inhibitors;
mod install;
mod install_systemd;
mod mutter;
mod pair;
mod request;
mod running;
mod session;
mod sway;
mod wayland;
mod x11;

use heartbeat_tests::agent::{beats, set_up};
