//! Which absences are unusual: those that are longer than nearly all of the last three months.

use time::Duration;

use super::{
    Span, Window,
    clock::Clock,
    past::{Past, united},
};
use crate::settings::Timezone;

/// Time in which absences count.
pub const LOOKBACK: Duration = Duration::days(90);

/// Time since the first beat before which nothing is known of what is usual.
const DATA_MIN: Duration = Duration::days(14);

/// No shorter absence is unusual.
const SHORTEST: Span = Span::from_seconds(12 * 3_600);

/// Absences that are shorter than this make no difference: a quarter longer, they are still shorter than [`SHORTEST`].
pub const RELEVANT: Span = Span::from_seconds(SHORTEST.seconds() * 4 / 5);

/// Longer than all but so many absences is what an unusual one is.
const LONGER_ONES: usize = 2;

/// Returns the length from which on an absence is unusual: 1.25 times the third-longest that ended in the last 90 days, in
/// whole minutes, at least twelve hours. `rest`, outages and snoozes are left out. `None` with less than 14 days of data.
pub(crate) fn unusual_after(past: &Past, rest: Option<Window>, timezone: &Timezone) -> Option<Span> {
    if past.now - past.data_since? < DATA_MIN {
        return None;
    }
    let left_out = united([&past.outages[..], &past.snoozes[..]].concat());
    let clock = Clock::new(timezone, rest, &left_out);
    let ended = past.absences.iter().filter_map(|absence| Some((absence.started_at, absence.ended_at?)));
    let mut lengths: Vec<i64> = ended.map(|(start, end)| clock.elapsed(start, end).whole_seconds()).collect();
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    let usual = lengths.get(LONGER_ONES).copied().unwrap_or_default();
    let minutes = (usual.saturating_mul(5) / 4).saturating_add(59) / 60;
    Some(Span::from_seconds(minutes * 60).max(SHORTEST))
}

#[cfg(test)]
mod tests {
    use time::{OffsetDateTime, macros::datetime};

    use super::*;
    use crate::alert::{absence::Absence, past::Period};

    const NOW: OffsetDateTime = datetime!(2026-06-30 12:00 UTC);

    /// A past of `days` days with one absence a day that begins at 22:00 and lasts for these hours.
    fn past(days: i64, hours: &[i64]) -> Past {
        let absence = |(day, hours): (i64, &i64)| {
            let started_at = datetime!(2026-06-01 22:00 UTC) + Duration::days(day);
            Absence { started_at, ended_at: Some(started_at + Duration::hours(*hours)) }
        };
        Past {
            now: NOW,
            data_since: Some(NOW - Duration::days(days)),
            absences: (0..).zip(hours).map(absence).collect(),
            outages: Vec::new(),
            snoozes: Vec::new(),
        }
    }

    fn after(past: &Past, rest: Option<&str>) -> Option<String> {
        let rest = rest.map(|rest| Window::parse(rest).expect(rest));
        unusual_after(past, rest, &Timezone::default()).map(|span| span.to_string())
    }

    #[test]
    fn a_quarter_more_than_the_third_longest_absence_is_unusual() {
        assert_eq!(after(&past(60, &[8, 16, 9, 20, 30]), None).as_deref(), Some("20h"));
        assert_eq!(after(&past(60, &[8, 7, 9, 8, 30]), None).as_deref(), Some("12h"));
        assert_eq!(after(&past(60, &[30, 40]), None).as_deref(), Some("12h"));
    }

    #[test]
    fn nothing_is_unusual_within_the_first_two_weeks() {
        assert_eq!(after(&past(13, &[16, 20, 30]), None), None);
        assert_eq!(after(&past(14, &[16, 20, 30]), None).as_deref(), Some("20h"));
        assert_eq!(after(&Past { data_since: None, ..past(60, &[]) }, None), None);
    }

    #[test]
    fn rest_outages_and_snoozes_are_left_out() {
        let mut past = past(60, &[16, 18, 20, 22]);
        assert_eq!(after(&past, None).as_deref(), Some("1350m"));
        assert_eq!(after(&past, Some("23:00-03:00")).as_deref(), Some("1050m"));
        let hours = |day: i64, hours| {
            let started_at = datetime!(2026-06-01 22:00 UTC) + Duration::days(day);
            Period { started_at, ended_at: started_at + Duration::hours(hours) }
        };
        past.outages.push(hours(3, 12));
        past.snoozes.extend([hours(3, 4), hours(2, 15)]);
        // 16 and 18 are left, and 5 and 10 of the others.
        assert_eq!(after(&past, None).as_deref(), Some("750m"));
    }

    #[test]
    fn what_goes_on_is_not_usual_yet() {
        let mut past = past(60, &[16, 16, 16]);
        let started_at = NOW - Duration::hours(40);
        past.absences.push(Absence { started_at, ended_at: None });
        assert_eq!(after(&past, None).as_deref(), Some("20h"));
    }
}
