//! Desktops for the agent: real display servers, buses and user managers, without a screen.

use std::{env, path::Path};

pub mod bus;
pub mod compositor;
pub mod kwin;
pub mod mutter;
pub mod sway;
pub mod systemd;
pub mod wine;
pub mod xvfb;

pub use bus::{Bus, Mock};
pub use compositor::{Compositor, Offers};
pub use kwin::Kwin;
pub use mutter::Mutter;
pub use sway::Sway;
pub use systemd::UserManager;
pub use wine::Wine;
pub use xvfb::Xvfb;

/// Whether the programs that a test needs are installed. Where our scripts install them, they must be.
pub fn installed(programs: &[&str]) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let is_there =
        |program: &&str| env::split_paths(&path).any(|folder| Path::new(&folder).join(program).exists());
    let missing: Vec<_> = programs.iter().filter(|program| !is_there(program)).collect();
    if missing.is_empty() {
        return true;
    }
    assert!(env::var_os("CI").is_none(), "infra/scripts/install-desktops installs {missing:?}");
    crate::skipped(&format!("not installed: {missing:?}; infra/scripts/install-desktops installs them"));
    false
}
