//! Previews: when an alert would have fired.

use time::{Duration, OffsetDateTime};

use super::{Span, Window, clock::Clock, past::Past};
use crate::settings::Timezone;

/// How far a preview looks back.
pub const LOOKBACK: Duration = Duration::days(365);

/// Maximum number of firings in a preview.
pub const FIRINGS_MAX: usize = 366;

/// When an alert would have fired in the last year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Length of the absence that it tells of at present; `None` if too little is known of what is unusual.
    pub effective_after: Option<Span>,
    /// When it would have fired, the newest first; the newest [`FIRINGS_MAX`].
    pub firings: Vec<PreviewedFiring>,
    /// The first beat that it looks at; `None` if there is none, or older beats are still being read.
    pub data_since: Option<OffsetDateTime>,
}

/// A firing that might have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreviewedFiring {
    /// When it would have fired.
    pub fired_at: OffsetDateTime,
    /// The last beat before the absence.
    pub since: OffsetDateTime,
    /// When the absence ended; `None` while it goes on.
    pub ended_at: Option<OffsetDateTime>,
}

/// Returns when an alert about absences of `after` would have fired.
pub(crate) fn firings(
    past: &Past,
    after: Span,
    rest: Option<Window>,
    timezone: &Timezone,
) -> Vec<PreviewedFiring> {
    let clock = Clock::new(timezone, rest, &past.outages);
    let firing = |absence: &super::absence::Absence| {
        let due = clock.fires_at(absence.started_at, after)?;
        // Nothing fires under a snooze, but when it has ended.
        let fired_at = past.snoozes.iter().fold(due, |due, snooze| {
            if (snooze.started_at..snooze.ended_at).contains(&due) { snooze.ended_at } else { due }
        });
        let is_in_time = fired_at < absence.ended_at.unwrap_or(past.now) && fired_at > past.now - LOOKBACK;
        is_in_time.then_some(PreviewedFiring {
            fired_at,
            since: absence.started_at,
            ended_at: absence.ended_at,
        })
    };
    past.absences.iter().rev().filter_map(firing).take(FIRINGS_MAX).collect()
}
