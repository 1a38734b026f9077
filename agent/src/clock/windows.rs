//! Windows' clocks.

use std::time::Duration;

use windows_sys::Win32::System::{
    SystemInformation::GetTickCount64, WindowsProgramming::QueryUnbiasedInterruptTime,
};

/// Units of 100 ns in a second, in which Windows counts time.
const UNITS_PER_SECOND: u64 = 10_000_000;

/// Time awake and asleep since the machine started: the unbiased interrupt time stands still in sleep and hibernation,
/// the tick count does not.
#[expect(unsafe_code, reason = "there are only C functions for these clocks")]
pub(super) fn awake_and_asleep() -> (Duration, Duration) {
    let mut units = 0;
    // SAFETY: the pointer is valid for the call, and the function fails for null pointers alone.
    unsafe { QueryUnbiasedInterruptTime(&raw mut units) };
    // SAFETY: the function takes nothing and cannot fail.
    let ticks = unsafe { GetTickCount64() };
    let rest = u32::try_from(units % UNITS_PER_SECOND).unwrap_or_default();
    let awake = Duration::new(units / UNITS_PER_SECOND, rest * 100);
    (awake, Duration::from_millis(ticks).saturating_sub(awake))
}
