//! Time as the agent needs it: a clock that stands still while the machine sleeps, one that does not, and the wall
//! clock, which only pauses and terminals need. Each platform has a file here, with the function that reads the first
//! two.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
use linux::awake_and_asleep;
#[cfg(target_os = "macos")]
use macos::awake_and_asleep;
#[cfg(windows)]
use windows::awake_and_asleep;

use std::time::{Duration, SystemTime};

/// Time that the machine has been awake since it started. Sources tell the last input on this scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Awake(pub(crate) Duration);

impl Awake {
    /// Time since `earlier`, or zero if that lies ahead.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment that was `duration` ago.
    pub(crate) fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration))
    }
}

/// One reading of all clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Moment {
    /// Time awake since the machine started.
    pub(crate) awake: Awake,
    /// Time asleep since the machine started.
    pub(crate) asleep: Duration,
    /// Unix time, by the wall clock.
    pub(crate) unix: i64,
}

impl Moment {
    /// Reads the clocks.
    #[expect(clippy::disallowed_methods, reason = "the one place of the agent that reads the clocks")]
    pub(crate) fn now() -> Self {
        let (awake, asleep) = awake_and_asleep();
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { awake: Awake(awake), asleep, unix: i64::try_from(wall.as_secs()).unwrap_or(i64::MAX) }
    }

    /// Time since the machine started, asleep or not.
    pub(crate) fn elapsed(self) -> Duration {
        self.awake.0 + self.asleep
    }
}
