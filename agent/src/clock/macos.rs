//! The clocks of macOS.

use std::time::Duration;

/// Time awake and asleep since the machine started: `CLOCK_UPTIME_RAW` stands still in sleep, `CLOCK_MONOTONIC_RAW`
/// does not (`clock_gettime(3)`).
pub(super) fn awake_and_asleep() -> (Duration, Duration) {
    let awake = read(libc::CLOCK_UPTIME_RAW);
    (awake, read(libc::CLOCK_MONOTONIC_RAW).saturating_sub(awake))
}

#[expect(unsafe_code, reason = "rustix does not know these clocks")]
fn read(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is valid for the call, which fails for clocks alone that do not exist.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}
