//! Input in this session of Windows. A service is in a session of its own, in which there is none.

use std::time::Duration;

use windows_sys::Win32::{
    System::SystemInformation::GetTickCount,
    UI::Input::KeyboardAndMouse::{GetLastInputInfo, LASTINPUTINFO},
};

use super::{InputState, Source, Unavailable};
use crate::clock::Moment;

/// The session's last input.
#[derive(Debug)]
pub(super) struct Windows;

impl Windows {
    /// Asks once, to see whether the session has input.
    pub(super) fn open() -> Result<Self, Unavailable> {
        idle().map(|_| Self)
    }
}

impl Source for Windows {
    fn input_state(&mut self, now: Moment) -> Result<InputState, Unavailable> {
        Ok(InputState { last_input: Some(now.awake.before(idle()?)), kept_on: false })
    }
}

/// Returns the time since the last input. Sleep is part of it, but input from before the last sleep does not count
/// anyway.
#[expect(unsafe_code, reason = "there are only C functions for this")]
fn idle() -> Result<Duration, Unavailable> {
    let size = u32::try_from(size_of::<LASTINPUTINFO>()).unwrap_or_default();
    let mut last = LASTINPUTINFO { cbSize: size, dwTime: 0 };
    // SAFETY: the pointer is valid for the call, and `cbSize` says how much may be written there.
    if unsafe { GetLastInputInfo(&raw mut last) } == 0 {
        return Err(Unavailable(format!("GetLastInputInfo: {}", std::io::Error::last_os_error())));
    }
    // Later than the last input, or the difference would be nearly 50 days.
    // SAFETY: the function takes nothing and cannot fail.
    let now = unsafe { GetTickCount() };
    Ok(between(last.dwTime, now))
}

/// Returns the time between two tick counts, which start again from zero every 49.7 days.
fn between(earlier: u32, later: u32) -> Duration {
    Duration::from_millis(later.wrapping_sub(earlier).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_count_that_starts_again_changes_nothing() {
        assert_eq!(between(1000, 4000), Duration::from_secs(3));
        assert_eq!(between(u32::MAX - 999, 2000), Duration::from_secs(3));
    }
}
