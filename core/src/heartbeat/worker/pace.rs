//! When the next batch starts, and how many may be under way at a time.
//!
//! This is group commit: beats share a flush. A batch takes one round trip to the database and one flush of its disk. The
//! disk flushes for one batch after the other, while any number of them can be in flight. So batches overlap as far as the
//! round trip is longer than the flush: more of them would only wait for each other, and share fewer flushes. Where both
//! are short, as on one machine, there is one batch at a time, and all that arrives meanwhile shares the next.
//!
//! `make bench B=far` measures what the constants are good for: 64 and 1,000 clients, round trips of up to 40 ms, flushes
//! of up to 10.

use std::time::Duration;

use tokio::time::Instant;

/// Round trip from which batches overlap. Below it, what a batch takes is the work of processors, which does not
/// get less by being done at the same time.
const OVERLAP_MIN_ROUND_TRIP: Duration = Duration::from_micros(500);

/// Number of batches that overlap for each flush that fits into a round trip: one on its way there, one on its way back.
const OVERLAP_FACTOR: u32 = 2;

/// Delay after a connection that could not be opened until batches overlap again. If the database allows no further one,
/// those that only serve to overlap are needed elsewhere.
const OVERLAP_RETRY_DELAY: Duration = Duration::from_secs(10);

/// Duration of a batch from which the next one waits for the clients that the last one answered. It is worth less
/// than the resolution of timers, a millisecond, where batches are shorter.
const GATHER_MIN_DURATION: Duration = Duration::from_micros(1_500);

/// Share of the time between two batches that the next one waits for those clients at most.
const GATHER_SHARE: u32 = 2;

/// Number of batches that do not wait for clients after one did in vain: devices that beat once a minute do not come back.
const GATHER_SKIPPED_BATCHES: u32 = 16;

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
    /// Shortest round trip to the database so far, when it had nothing to do.
    round_trip: Duration,
    /// Until when batches do not overlap.
    alone_until: Option<Instant>,
    /// When the next batch may start, unless it has [`expected`](Self::expected) commands earlier.
    not_before: Option<Instant>,
    /// Number of commands that are worth waiting for.
    expected: usize,
    /// Whether the next batch waits for the clients of the last one.
    is_gathering: bool,
    /// Number of batches that do not.
    batches_to_skip: u32,
}

impl Pace {
    /// Returns the pace of at most `max_batches` at a time.
    pub(super) fn new(max_batches: usize) -> Self {
        Self {
            max_batches,
            duration: None,
            round_trip: Duration::MAX,
            alone_until: None,
            not_before: None,
            expected: 0,
            is_gathering: false,
            batches_to_skip: 0,
        }
    }

    /// Maximum number of batches under way, as things are at `now`.
    pub(super) fn limit(&self, now: Instant) -> usize {
        let Some(duration) = self.duration else { return 1 };
        let round_trip = self.round_trip.min(duration);
        if round_trip < OVERLAP_MIN_ROUND_TRIP || self.is_alone(now) {
            return 1;
        }
        let flush = duration.saturating_sub(round_trip).max(Duration::from_nanos(1));
        let ways = OVERLAP_FACTOR * round_trip;
        let overlapping = usize::try_from(ways.as_nanos() / flush.as_nanos()).unwrap_or(usize::MAX);
        overlapping.saturating_add(1).min(self.max_batches)
    }

    /// Returns until when a batch of `commands` is to wait for more of them; `None` if it may start.
    pub(super) fn wait(&self, commands: usize, now: Instant) -> Option<Instant> {
        self.not_before.filter(|at| now < *at && commands < self.expected)
    }

    /// Notes that a batch of `commands` starts: those that overlap are spread over the time that one takes.
    pub(super) fn start(&mut self, commands: usize, now: Instant) {
        if std::mem::take(&mut self.is_gathering) && commands < self.expected {
            self.batches_to_skip = GATHER_SKIPPED_BATCHES;
        }
        self.not_before = self.interval(now).filter(|_| self.limit(now) > 1).map(|interval| now + interval);
        self.expected = usize::MAX;
    }

    /// Notes what a batch took, and what the round trip of its connection is.
    pub(super) fn learn(&mut self, took: Duration, round_trip: Duration) {
        let smoothed = |before: Duration| before + took.saturating_sub(before) / SMOOTHING_SHARE;
        self.duration = Some(self.duration.map_or(took, |before| took.min(smoothed(before))));
        self.round_trip = self.round_trip.min(round_trip);
    }

    /// Whether batches do not overlap, since a connection could not be opened.
    pub(super) fn is_alone(&self, now: Instant) -> bool {
        self.alone_until.is_some_and(|until| now < until)
    }

    /// Notes that a connection could not be opened.
    pub(super) fn stop_overlapping(&mut self, now: Instant) {
        self.alone_until = Some(now + OVERLAP_RETRY_DELAY);
    }

    /// Notes that `answered` beats of a batch were answered, while `waiting` commands wait for the next. Clients that
    /// beat without a break beat again at once, and the sooner they share a batch the fewer flushes they wait for; a
    /// beat that came alone was of no such client.
    pub(super) fn finish(&mut self, answered: usize, waiting: usize, now: Instant) {
        if answered <= 1 || self.duration.is_none_or(|duration| duration < GATHER_MIN_DURATION) {
            return;
        }
        if self.batches_to_skip > 0 {
            self.batches_to_skip -= 1;
            return;
        }
        let until = self.interval(now).map(|interval| now + interval / GATHER_SHARE);
        self.not_before = self.not_before.max(until);
        self.expected = answered + waiting;
        self.is_gathering = true;
    }

    /// Time from one batch to the next; `None` before the first.
    fn interval(&self, now: Instant) -> Option<Duration> {
        let limit = u32::try_from(self.limit(now)).unwrap_or(u32::MAX);
        self.duration.map(|duration| duration / limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_BATCHES: usize = 6;

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
        let limit = |round_trip, flush| after_batch(round_trip, flush).limit(Instant::now());
        assert_eq!(Pace::new(MAX_BATCHES).limit(Instant::now()), 1);
        let one_machine = limit(Duration::from_micros(100), Duration::from_micros(100));
        assert_eq!(one_machine, 1);
        assert_eq!(limit(milliseconds(1), milliseconds(10)), 1);
        assert_eq!(limit(milliseconds(5), milliseconds(10)), 2);
        assert_eq!(limit(milliseconds(5), milliseconds(5)), 3);
        assert_eq!(limit(milliseconds(40), milliseconds(2)), MAX_BATCHES);
        assert_eq!(limit(milliseconds(40), Duration::ZERO), MAX_BATCHES);
    }

    #[test]
    fn a_round_trip_that_was_measured_in_a_busy_moment_is_at_most_what_a_batch_takes() {
        let mut pace = after_batch(milliseconds(5), Duration::ZERO);
        pace.learn(Duration::from_micros(300), milliseconds(5));
        assert_eq!(pace.limit(Instant::now()), 1);
    }

    #[test]
    fn batches_do_not_overlap_for_a_while_after_a_connection_could_not_be_opened() {
        let (mut pace, now) = (after_batch(milliseconds(40), Duration::ZERO), Instant::now());
        pace.stop_overlapping(now);
        assert_eq!(pace.limit(now), 1);
        assert_eq!(pace.limit(now + OVERLAP_RETRY_DELAY), MAX_BATCHES);
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
        let (mut pace, now) = (after_batch(milliseconds(10), milliseconds(20)), Instant::now());
        assert_eq!(pace.wait(1, now), None);
        pace.start(1, now);
        assert_eq!(pace.wait(1000, now), Some(now + milliseconds(15)));
        assert_eq!(pace.wait(1, now + milliseconds(15)), None);
    }

    #[test]
    fn a_batch_waits_for_the_clients_of_the_last_one_and_not_for_long() {
        let (mut pace, now) = (after_batch(milliseconds(1), milliseconds(15)), Instant::now());
        pace.start(60, now);
        pace.finish(60, 4, now);
        assert_eq!(pace.wait(63, now), Some(now + milliseconds(8)));
        assert_eq!(pace.wait(64, now), None);
        assert_eq!(pace.wait(1, now + milliseconds(8)), None);
    }

    #[test]
    fn clients_that_did_not_come_back_are_not_waited_for_again_and_again() {
        let (mut pace, now) = (after_batch(milliseconds(1), milliseconds(15)), Instant::now());
        pace.finish(60, 0, now);
        pace.start(2, now + milliseconds(8));
        for _ in 0..GATHER_SKIPPED_BATCHES {
            pace.finish(60, 0, now);
            assert_eq!(pace.wait(1, now), None);
            pace.start(60, now);
        }
        pace.finish(60, 0, now);
        assert!(pace.wait(1, now).is_some());
    }

    #[test]
    fn nothing_waits_after_a_lone_beat_nor_on_one_machine() {
        let now = Instant::now();
        let mut far = after_batch(milliseconds(1), milliseconds(15));
        far.start(1, now);
        far.finish(1, 4, now);
        assert_eq!(far.wait(1, now), None);
        let mut near = after_batch(Duration::from_micros(100), Duration::from_micros(200));
        near.start(60, now);
        near.finish(60, 4, now);
        assert_eq!(near.wait(1, now), None);
    }
}
