//! The agent on desktops that are large to install: `make test-agent` runs these.

mod kwin;
mod mutter;
mod windows;

use heartbeat_tests::agent::{beats, set_up};
