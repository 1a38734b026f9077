//! The session around the sources: is the screen locked, has another session the screen, does the machine fall
//! asleep, does a video or a call keep the screen on?
//!
//! - `linux`: what logind and the desktops tell on D-Bus.
//! - `windows`: what the session manager and the power manager tell.
//! - `macos`: what the window server and the power manager tell.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
pub(crate) use linux::Session;
#[cfg(target_os = "macos")]
pub(crate) use macos::Session;
#[cfg(windows)]
pub(crate) use windows::Session;

use serde::{Deserialize, Serialize};

use crate::clock::Awake;

/// What the session tells. What it cannot tell is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct SessionState {
    /// Whether the screen is locked.
    pub(crate) locked: Option<bool>,
    /// Which service says that it is.
    pub(crate) locked_by: Option<String>,
    /// Whether this session has the screen.
    pub(crate) active: Option<bool>,
    /// Whether the machine is about to sleep.
    pub(crate) falling_asleep: bool,
    /// When the machine last woke up, or stayed awake after all.
    #[serde(skip)]
    pub(crate) woke_up: Option<Awake>,
    /// What cannot be asked, and why: sentences for `status`.
    pub(crate) unknown: Vec<String>,
}
