//! The last twelve months, each in a sentence.

use heartbeat_core::{
    humanize::{count, in_hours, time_in_use},
    presence::{Span, Sum},
    settings::Timezone,
};
use time::{Date, Duration, Month, OffsetDateTime};

/// Months that are told of, this one included.
const MONTHS: usize = 12;

/// Shortest absence that is told of: only long ones are.
const LONG_ABSENCE: Duration = Duration::HOUR;

/// A month, with its year.
type YearMonth = (i32, Month);

/// An absence that began in a month.
#[derive(Debug, Clone, Copy)]
pub(super) struct Absence {
    month: YearMonth,
    length: Duration,
}

fn month_of(day: Date) -> YearMonth {
    (day.year(), day.month())
}

/// Returns the absences between times in use, and the one from the last of them on.
pub(super) fn absences(spans: &[Span], until: OffsetDateTime, timezone: &Timezone) -> Vec<Absence> {
    let ends = spans.iter().map(|span| span.end);
    let starts = spans.iter().skip(1).map(|span| span.start).chain([until]);
    let absences = ends.zip(starts).filter(|(from, to)| *to - *from > LONG_ABSENCE);
    absences.map(|(from, to)| Absence { month: month_of(timezone.date(from)), length: to - from }).collect()
}

/// Returns the sentences, the latest first, from sums by day and, where they may be seen, from absences.
pub(super) fn sentences(sums: &[Sum], absences: Option<&[Absence]>, since: Date, today: Date) -> Vec<String> {
    let first = month_of(since);
    let before = |(year, month): &YearMonth| match month {
        Month::January => Some((year - 1, Month::December)),
        _ => Some((*year, month.previous())),
    };
    let key = |(year, month): &YearMonth| (*year, u8::from(*month));
    let months = std::iter::successors(Some(month_of(today)), before);
    let months = months.take(MONTHS).take_while(|month| key(month) >= key(&first));
    months.map(|month| sentence(month, sums, absences, today)).collect()
}

fn sentence(month: YearMonth, sums: &[Sum], absences: Option<&[Absence]>, today: Date) -> String {
    let days: Vec<i64> = sums
        .iter()
        .filter(|sum| month_of(sum.start.date()) == month)
        .map(|sum| i64::from(sum.minutes))
        .collect();
    let name = match month {
        _ if month == month_of(today) => format!("{}, so far", month.1),
        (year, name) if year == today.year() => name.to_string(),
        (year, name) => format!("{name} {year}"),
    };
    if days.is_empty() {
        return format!("{name}: not in use.");
    }
    let time = time_in_use(days.iter().sum());
    let on_days = count(i64::try_from(days.len()).unwrap_or_default(), "day");
    let of_month = absences.into_iter().flatten().filter(|absence| absence.month == month);
    let longest = of_month.map(|absence| absence.length).max();
    let absence = longest.map(|length| format!(", longest absence {}", in_hours(length.whole_seconds())));
    format!("{name}: {time} on {on_days}{}.", absence.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use time::{
        Time,
        macros::{date, datetime},
    };

    use super::*;

    fn sum(day: Date, minutes: u32) -> Sum {
        Sum { start: OffsetDateTime::new_utc(day, Time::MIDNIGHT), minutes, beats: 1 }
    }

    #[test]
    fn a_month_is_a_sentence() {
        let sums =
            [sum(date!(2025 - 12 - 31), 61), sum(date!(2026 - 02 - 01), 119), sum(date!(2026 - 02 - 02), 61)];
        let spans = [
            Span { start: datetime!(2025-12-31 12:00 UTC), end: datetime!(2025-12-31 13:00 UTC) },
            Span { start: datetime!(2026-02-01 12:00 UTC), end: datetime!(2026-02-01 14:00 UTC) },
            Span { start: datetime!(2026-02-02 21:00 UTC), end: datetime!(2026-02-02 22:01 UTC) },
        ];
        let absences = absences(&spans, datetime!(2026-02-02 22:30 UTC), &Timezone::default());
        let (since, today) = (date!(2025 - 12 - 05), date!(2026 - 02 - 02));
        assert_eq!(
            sentences(&sums, Some(&absences), since, today),
            [
                "February, so far: 3 hours on 2 days, longest absence 31 hours.",
                "January: not in use.",
                "December 2025: 1 hour on 1 day, longest absence 31 days.",
            ]
        );
        assert_eq!(sentences(&sums, None, since, today)[0], "February, so far: 3 hours on 2 days.");
    }

    #[test]
    fn there_are_twelve_at_most() {
        let all = sentences(&[], None, date!(2016 - 01 - 01), date!(2026 - 11 - 30));
        assert_eq!((all.len(), all[11].as_str()), (12, "December 2025: not in use."));
    }
}
