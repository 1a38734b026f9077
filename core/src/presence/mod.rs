//! Presence: the minutes of UTC in which at least one beat arrived, of a device or of all together.
//!
//! - [`absences`]: absences of more than an hour, as lists show them.
//! - [`day_parts`]: local days as the clocks on the wall show them.
//! - [`sums`]: minutes and beats of local days, hours and quarters of an hour.
//! - [`spans`]: times in use, as a timeline shows them.

pub mod absences;
pub mod day_parts;
pub mod spans;
pub mod sums;

use time::OffsetDateTime;

pub use spans::Span;
pub use sums::{Days, Step, Sum};

/// Seconds of a quarter of an hour.
pub(crate) const QUARTER_SECONDS: i64 = 900;

/// Minutes of a quarter of an hour.
pub(crate) const QUARTER_MINUTES: i64 = 15;

/// What is known of one quarter of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quarter {
    /// The minutes in which beats came: bit 0 is the first one.
    pub minutes: u16,
    /// Number of beats.
    pub beats: u32,
}

/// When beats of a device, or of all together, came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Presence {
    /// Quarters of an hour with beats with their numbers since 1970, in their order.
    quarters: Vec<(i64, Quarter)>,
    is_incomplete: bool,
}

impl Presence {
    /// Adds what is known of a quarter of an hour, by its number since 1970, to what was known before.
    pub(crate) fn add(&mut self, number: i64, quarter: Quarter) {
        if quarter == Quarter::default() {
            return;
        }
        if self.quarters.last().is_none_or(|(last, _)| *last < number) {
            self.quarters.push((number, quarter));
            return;
        }
        let index = self.quarters.partition_point(|(known, _)| *known < number);
        match self.quarters.get_mut(index) {
            Some((known, at)) if *known == number => {
                at.minutes |= quarter.minutes;
                at.beats = at.beats.saturating_add(quarter.beats);
            }
            _ => self.quarters.insert(index, (number, quarter)),
        }
    }

    /// Adds beats of a minute, by its number since 1970.
    pub(crate) fn add_minute(&mut self, number: i64, beats: u32) {
        let minutes = 1 << number.rem_euclid(QUARTER_MINUTES);
        self.add(number.div_euclid(QUARTER_MINUTES), Quarter { minutes, beats });
    }

    /// Leaves out what came in the quarter of an hour of `time` and after it.
    #[must_use]
    pub fn before(&self, time: OffsetDateTime) -> Self {
        let end = time.unix_timestamp().div_euclid(QUARTER_SECONDS);
        let count = self.quarters.partition_point(|(number, _)| *number < end);
        Self { quarters: self.quarters[..count].to_vec(), is_incomplete: self.is_incomplete }
    }

    /// Says that older beats are still being read, as after an upgrade or an import.
    pub(crate) fn set_incomplete(&mut self) {
        self.is_incomplete = true;
    }

    /// Whether older beats are still being read, so that there is more to come.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.is_incomplete
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.quarters.is_empty()
    }

    /// Start of the first quarter of an hour with a beat.
    #[must_use]
    pub fn first(&self) -> Option<OffsetDateTime> {
        let (number, _) = self.quarters.first()?;
        OffsetDateTime::from_unix_timestamp(number * QUARTER_SECONDS).ok()
    }

    /// Start of the last minute with a beat.
    #[must_use]
    pub fn last_minute(&self) -> Option<OffsetDateTime> {
        let (number, quarter) = self.quarters.last()?;
        let minute = u16::BITS - 1 - quarter.minutes.leading_zeros().min(u16::BITS - 1);
        OffsetDateTime::from_unix_timestamp(number * QUARTER_SECONDS + i64::from(minute) * 60).ok()
    }

    /// Quarters of an hour with beats by the Unix time at which they begin, in their order.
    pub(crate) fn quarters(&self) -> impl Iterator<Item = (i64, Quarter)> {
        self.quarters.iter().map(|(number, quarter)| (number * QUARTER_SECONDS, *quarter))
    }
}
