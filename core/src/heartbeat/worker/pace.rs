//! When the next batch starts, and how many may be under way at a time.
//!
//! A batch takes one round trip to the database and one flush of its disk. The disk flushes for one batch after the
//! other, while any number of them can be on their way. So batches overlap as far as the way is longer than the flush:
//! more of them would only wait for each other, and share fewer flushes. Where both are short, as on one machine, there
//! is one batch at a time, and all that arrives meanwhile shares the next.

use std::time::Duration;

use tokio::time::Instant;

/// Round trip from which batches overlap. Below it, what a batch takes is the work of processors, which does not
/// get less by being done at the same time.
const OVERLAP_MIN_ROUND_TRIP: Duration = Duration::from_micros(500);

/// Duration of a batch from which the next one waits for the clients that the last one answered. It is worth less
/// than the resolution of timers, a millisecond, where batches are shorter.
const GATHER_MIN_DURATION: Duration = Duration::from_millis(2);

/// Share of a batch's duration that the next one waits for those clients at most.
const GATHER_SHARE: u32 = 8;

/// Share of the difference by which a longer batch raises the smoothed duration. A shorter one sets it: batches are
/// longer for many reasons, and shorter for one.
const SMOOTHING_SHARE: u32 = 8;

/// Pace of batches, worked out from those before.
#[derive(Debug)]
pub(super) struct Pace {
    /// Maximum number of batches under way.
    max_batches: usize,
    /// Smoothed duration of a batch; `None` before the first.
    duration: Option<Duration>,
    /// Round trip to the database when it has nothing to do.
    round_trip: Duration,
    /// When the next batch may start, unless it has [`expected`](Self::expected) commands earlier.
    not_before: Option<Instant>,
    /// Number of commands that are worth waiting for.
    expected: usize,
}

impl Pace {
    /// Returns the pace of at most `max_batches` at a time.
    pub(super) fn new(max_batches: usize) -> Self {
        Self { max_batches, duration: None, round_trip: Duration::ZERO, not_before: None, expected: 0 }
    }

    /// Maximum number of batches under way, as things are.
    pub(super) fn limit(&self) -> usize {
        let Some(duration) = self.duration else { return 1 };
        let round_trip = self.round_trip.min(duration);
        if round_trip < OVERLAP_MIN_ROUND_TRIP {
            return 1;
        }
        let flush = duration.saturating_sub(round_trip).max(Duration::from_nanos(1));
        let overlapping = usize::try_from(round_trip.as_nanos() / flush.as_nanos()).unwrap_or(usize::MAX);
        overlapping.saturating_add(1).min(self.max_batches)
    }

    /// Returns until when a batch of `commands` is to wait for more of them; `None` if it may start.
    pub(super) fn wait(&self, commands: usize, now: Instant) -> Option<Instant> {
        self.not_before.filter(|at| now < *at && commands < self.expected)
    }

    /// Notes that a batch starts: those that overlap are spread over the time that one takes.
    pub(super) fn start(&mut self, now: Instant) {
        let limit = u32::try_from(self.limit()).unwrap_or(u32::MAX);
        let interval = self.duration.filter(|_| limit > 1).map(|duration| duration / limit);
        self.not_before = interval.map(|interval| now + interval);
        self.expected = usize::MAX;
    }

    /// Notes what a batch took, and what the round trip of its connection is.
    pub(super) fn learn(&mut self, took: Duration, round_trip: Duration) {
        let smoothed = |before: Duration| before + took.saturating_sub(before) / SMOOTHING_SHARE;
        self.duration = Some(self.duration.map_or(took, |before| took.min(smoothed(before))));
        self.round_trip = round_trip;
    }

    /// Notes that `answered` beats of a batch were answered, while `waiting` commands wait for the next. Clients that
    /// beat without a break beat again at once, and the sooner they share a batch the fewer flushes they wait for; a
    /// beat that came alone was of no such client.
    pub(super) fn finish(&mut self, answered: usize, waiting: usize, now: Instant) {
        let Some(duration) = self.duration.filter(|duration| *duration >= GATHER_MIN_DURATION) else {
            return;
        };
        if answered > 1 {
            let until = now + duration / GATHER_SHARE;
            self.not_before = Some(self.not_before.map_or(until, |at| at.max(until)));
            self.expected = answered + waiting;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_BATCHES: usize = 4;

    fn milliseconds(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    /// The pace after a batch that took a round trip and a flush.
    fn after_batch(round_trip: Duration, flush: Duration) -> Pace {
        let mut pace = Pace::new(MAX_BATCHES);
        pace.learn(round_trip + flush, round_trip);
        pace
    }

    #[test]
    fn batches_overlap_as_far_as_the_way_is_longer_than_the_flush() {
        let limit = |round_trip, flush| after_batch(round_trip, flush).limit();
        assert_eq!(Pace::new(MAX_BATCHES).limit(), 1);
        let one_machine = limit(Duration::from_micros(100), Duration::from_micros(100));
        assert_eq!(one_machine, 1);
        assert_eq!(limit(milliseconds(1), milliseconds(10)), 1);
        assert_eq!(limit(milliseconds(5), milliseconds(2)), 3);
        assert_eq!(limit(milliseconds(40), milliseconds(2)), MAX_BATCHES);
        assert_eq!(limit(milliseconds(40), Duration::ZERO), MAX_BATCHES);
    }

    #[test]
    fn a_round_trip_that_was_measured_in_a_busy_moment_is_at_most_what_a_batch_takes() {
        let mut pace = after_batch(milliseconds(5), Duration::ZERO);
        pace.learn(Duration::from_micros(300), milliseconds(5));
        assert_eq!(pace.limit(), 1);
    }

    #[test]
    fn a_batch_that_takes_longer_once_changes_little() {
        let mut pace = after_batch(milliseconds(40), milliseconds(2));
        pace.learn(milliseconds(100), milliseconds(40));
        assert_eq!(pace.duration, Some(milliseconds(42) + milliseconds(58) / 8));
        pace.learn(milliseconds(41), milliseconds(40));
        assert_eq!(pace.duration, Some(milliseconds(41)));
    }

    #[test]
    fn overlapping_batches_start_at_even_intervals() {
        let (mut pace, now) = (after_batch(milliseconds(30), milliseconds(10)), Instant::now());
        assert_eq!(pace.wait(1, now), None);
        pace.start(now);
        assert_eq!(pace.wait(1000, now), Some(now + milliseconds(10)));
        assert_eq!(pace.wait(1, now + milliseconds(10)), None);
    }

    #[test]
    fn a_batch_waits_for_the_clients_of_the_last_one_and_not_for_long() {
        let (mut pace, now) = (after_batch(milliseconds(1), milliseconds(15)), Instant::now());
        pace.start(now);
        pace.finish(60, 4, now);
        assert_eq!(pace.wait(63, now), Some(now + milliseconds(2)));
        assert_eq!(pace.wait(64, now), None);
        assert_eq!(pace.wait(1, now + milliseconds(2)), None);
    }

    #[test]
    fn nothing_waits_after_a_lone_beat_nor_on_one_machine() {
        let now = Instant::now();
        let mut far = after_batch(milliseconds(1), milliseconds(15));
        far.start(now);
        far.finish(1, 4, now);
        assert_eq!(far.wait(1, now), None);
        let mut near = after_batch(Duration::from_micros(100), Duration::from_micros(200));
        near.start(now);
        near.finish(60, 4, now);
        assert_eq!(near.wait(1, now), None);
    }
}
