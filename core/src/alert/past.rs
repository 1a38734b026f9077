//! The past, as alerts look at it.

use time::{Duration, OffsetDateTime};

use super::absence::Absence;

/// A time that has begun and ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// When it began.
    pub started_at: OffsetDateTime,
    /// When it ended, or now if it has not.
    pub ended_at: OffsetDateTime,
}

/// Absences of one device, or of several together, and what else is to be known of the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// As of when.
    pub now: OffsetDateTime,
    /// The first beat; `None` if there is none, or older beats are still being read.
    pub data_since: Option<OffsetDateTime>,
    /// The absences, in their order. The last one goes on, if it is long enough by now.
    pub absences: Vec<Absence>,
    /// Times at which the service could hear no beat, in their order.
    pub outages: Vec<Period>,
    /// Times at which the owner wanted no alerts, in their order.
    pub snoozes: Vec<Period>,
}

impl Period {
    /// Returns how much of it is between two moments.
    #[must_use]
    pub fn overlap(&self, from: OffsetDateTime, to: OffsetDateTime) -> Duration {
        (self.ended_at.min(to) - self.started_at.max(from)).max(Duration::ZERO)
    }
}

/// Returns the time that is in any of these periods, as periods that do not overlap, in their order.
pub(super) fn united(mut periods: Vec<Period>) -> Vec<Period> {
    periods.sort_unstable_by_key(|period| period.started_at);
    let mut united: Vec<Period> = Vec::with_capacity(periods.len());
    for period in periods {
        match united.last_mut().filter(|last| period.started_at <= last.ended_at) {
            Some(last) => last.ended_at = last.ended_at.max(period.ended_at),
            None => united.push(period),
        }
    }
    united
}
