//! Sources of input: each tells when the user last touched a key, the mouse or the screen.
//!
//! - [`select`]: takes the best source that is there, and finds another when it is lost.
//! - `wayland`: idle notifications of Wayland compositors.
//! - `mutter`: GNOME's compositor, on D-Bus.
//! - `x11`: X.org's screen saver extension.
//! - `console`: access times of terminals.
//! - `windows`: the last input of a session of Windows; `macos`: of macOS.

#[cfg(target_os = "linux")]
mod console;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "linux")]
mod mutter;
mod select;
#[cfg(target_os = "linux")]
mod wayland;
#[cfg(windows)]
mod windows;
#[cfg(target_os = "linux")]
mod x11;

use std::{
    fmt::{self, Display, Formatter},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    clock::{Awake, Moment},
    wake::Waker,
};
pub(crate) use select::{Rejected, Sources};

/// Interval in which sources that do not wake the agent are asked while the device is not used. The first beat of
/// a user who comes back is late by this at most.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_secs(15);

/// A kind of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// `ext_idle_notify_v1` of a Wayland compositor.
    #[cfg(target_os = "linux")]
    ExtIdle,
    /// KDE's idle notifications of a Wayland compositor.
    #[cfg(target_os = "linux")]
    KdeIdle,
    /// Mutter's idle monitor.
    #[cfg(target_os = "linux")]
    Mutter,
    /// The screen saver extension of an X server.
    #[cfg(target_os = "linux")]
    X11,
    /// Access times of terminals.
    #[cfg(target_os = "linux")]
    Console,
    /// The last input of a session of Windows.
    #[cfg(windows)]
    Windows,
    /// The event system of macOS.
    #[cfg(target_os = "macos")]
    Macos,
}

/// Kinds of source on this platform, best first.
pub(crate) const KINDS: &[Kind] = &[
    #[cfg(target_os = "linux")]
    Kind::ExtIdle,
    #[cfg(target_os = "linux")]
    Kind::KdeIdle,
    #[cfg(target_os = "linux")]
    Kind::Mutter,
    #[cfg(target_os = "linux")]
    Kind::X11,
    #[cfg(target_os = "linux")]
    Kind::Console,
    #[cfg(windows)]
    Kind::Windows,
    #[cfg(target_os = "macos")]
    Kind::Macos,
];

impl Kind {
    /// Name in the configuration, on the command line and in `status`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            #[cfg(target_os = "linux")]
            Self::ExtIdle => "ext-idle",
            #[cfg(target_os = "linux")]
            Self::KdeIdle => "kde-idle",
            #[cfg(target_os = "linux")]
            Self::Mutter => "mutter",
            #[cfg(target_os = "linux")]
            Self::X11 => "x11",
            #[cfg(target_os = "linux")]
            Self::Console => "console",
            #[cfg(windows)]
            Self::Windows => "windows",
            #[cfg(target_os = "macos")]
            Self::Macos => "macos",
        }
    }

    /// Opens a source of this kind, which wakes the agent by `waker` if it can.
    #[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "sources elsewhere are asked"))]
    fn open(self, waker: &Waker) -> Result<Box<dyn Source>, Unavailable> {
        match self {
            #[cfg(target_os = "linux")]
            Self::ExtIdle => Ok(Box::new(wayland::Wayland::open(wayland::Protocol::ExtIdle, waker)?)),
            #[cfg(target_os = "linux")]
            Self::KdeIdle => Ok(Box::new(wayland::Wayland::open(wayland::Protocol::KdeIdle, waker)?)),
            #[cfg(target_os = "linux")]
            Self::Mutter => Ok(Box::new(mutter::Mutter::open(waker)?)),
            #[cfg(target_os = "linux")]
            Self::X11 => Ok(Box::new(x11::X11::open()?)),
            #[cfg(target_os = "linux")]
            Self::Console => Ok(Box::new(console::Console::open()?)),
            #[cfg(windows)]
            Self::Windows => Ok(Box::new(windows::Windows::open()?)),
            #[cfg(target_os = "macos")]
            Self::Macos => Ok(Box::new(macos::Macos)),
        }
    }
}

impl Display for Kind {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What a source tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct InputState {
    /// Last input that the source knows of; `None` if it knows of none yet.
    pub(crate) last_input: Option<Awake>,
    /// Whether something else than input keeps the screen on, or may: a source that cannot tell input from inhibitors says
    /// `true`, and the last input before.
    pub(crate) kept_on: bool,
}

/// An open source.
pub(crate) trait Source: fmt::Debug + Send {
    /// Returns what it knows at `now`.
    fn input_state(&mut self, now: Moment) -> Result<InputState, Unavailable>;

    /// Whether it wakes the agent at the first input after a pause. Others are asked each [`POLL_INTERVAL`].
    fn wakes(&self) -> bool {
        false
    }

    /// Whether a better source may come while this one lasts, as a desktop may where there are only terminals.
    fn is_stopgap(&self) -> bool {
        false
    }
}

/// Reason why a source cannot be had, or no more: a sentence for `status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unavailable(pub(crate) String);

impl<E: std::error::Error> From<E> for Unavailable {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

impl Display for Unavailable {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
