//! Linux's clocks.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Time awake and asleep since the machine started: `CLOCK_MONOTONIC` stands still in suspend, `CLOCK_BOOTTIME` does not
/// (`clock_gettime(2)`).
pub(super) fn awake_and_asleep() -> (Duration, Duration) {
    let duration = |time: Timespec| Duration::try_from(time).unwrap_or_default();
    let awake = duration(clock_gettime(ClockId::Monotonic));
    (awake, duration(clock_gettime(ClockId::Boottime)).saturating_sub(awake))
}
