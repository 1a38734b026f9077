//! The session around the sources: is the screen locked, has another session the screen, does the machine fall
//! asleep, does a video or a call keep the screen on?
//!
//! - `linux`: what logind and the desktops tell on D-Bus.

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
pub(crate) use linux::Session;

use serde::{Deserialize, Serialize};

/// What the session tells. What it cannot tell is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct SessionState {
    /// Whether the screen is locked.
    pub(crate) locked: Option<bool>,
    /// Whether this session has the screen.
    pub(crate) active: Option<bool>,
    /// Whether the machine is about to sleep.
    pub(crate) falling_asleep: bool,
}
