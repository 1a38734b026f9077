//! Previews: when an alert would have fired.

use time::{Duration, OffsetDateTime};

use super::{Span, Window, absence::Absence, clock::Clock, past::Past};
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
    let firing = |absence: &Absence| {
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

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::alert::past::Period;

    const NOW: OffsetDateTime = datetime!(2026-06-30 12:00 UTC);

    fn hours_ago(hours: i64) -> OffsetDateTime {
        NOW - Duration::hours(hours)
    }

    fn past(absences: &[(i64, Option<i64>)]) -> Past {
        let absence = |(start, end): &(i64, Option<i64>)| Absence {
            started_at: hours_ago(*start),
            ended_at: end.map(hours_ago),
        };
        Past {
            now: NOW,
            data_since: Some(hours_ago(20_000)),
            absences: absences.iter().map(absence).collect(),
            outages: Vec::new(),
            snoozes: Vec::new(),
        }
    }

    /// How many hours ago an alert about absences of 24 hours fired.
    fn fired(past: &Past, rest: Option<&str>) -> Vec<i64> {
        let rest = rest.map(|rest| Window::parse(rest).expect(rest));
        let firings = firings(past, Span::from_seconds(86_400), rest, &Timezone::default());
        firings.iter().map(|firing| (NOW - firing.fired_at).whole_hours()).collect()
    }

    #[test]
    fn it_fires_once_in_each_absence_that_is_long_enough_the_newest_first() {
        let past = past(&[(300, Some(270)), (200, Some(177)), (100, Some(50)), (30, None)]);
        assert_eq!(fired(&past, None), [6, 76, 276]);
    }

    #[test]
    fn rest_and_outages_put_it_off_and_a_snooze_until_it_ends() {
        let mut past = past(&[(300, Some(270)), (100, Some(50))]);
        assert_eq!(fired(&past, Some("23:00-07:00")), [68]);
        let hours = |start, end| Period { started_at: hours_ago(start), ended_at: hours_ago(end) };
        past.outages.push(hours(90, 84));
        assert_eq!(fired(&past, None), [70, 276]);
        past.snoozes.push(hours(75, 60));
        assert_eq!(fired(&past, None), [60, 276]);
        past.snoozes.push(hours(280, 200));
        assert_eq!(fired(&past, None), [60]);
    }

    #[test]
    fn it_looks_back_for_a_year_and_at_so_many_firings() {
        assert_eq!(fired(&past(&[(365 * 24 + 30, Some(365 * 24 + 2))]), None), Vec::<i64>::new());
        let many: Vec<_> = (1..500).rev().map(|number| (number * 12 + 1, Some(number * 12))).collect();
        let firings = firings(&past(&many), Span::from_seconds(600), None, &Timezone::default());
        assert_eq!(firings.len(), FIRINGS_MAX);
        assert_eq!(firings[0].since, hours_ago(13));
    }
}
