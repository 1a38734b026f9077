//! The last 53 weeks, day by day.

use std::collections::HashMap;

use heartbeat_core::{humanize, presence::Sum};
use time::{Date, Duration};

use super::{
    grid::{Cell, Level, Row},
    words,
};

/// Weeks that are shown, this one included.
const WEEKS: i64 = 53;

/// Days of which the heading has the sum.
const YEAR_DAYS: i64 = 365;

/// Minutes a day at which the steps of cells begin: an hour, three, six.
const BOUNDS: [i64; 3] = [60, 180, 360];

/// The days of a year, a column for each week and a row for each day of the week.
#[derive(Debug)]
pub(super) struct Year {
    /// How long all of it was in use.
    pub(super) total: String,
    pub(super) weeks: Vec<Week>,
    pub(super) rows: Vec<Row>,
}

/// A column.
#[derive(Debug)]
pub(super) struct Week {
    /// Its Monday, for those who hear it.
    pub(super) heard_name: String,
    /// The month that begins in it.
    pub(super) month: Option<String>,
}

impl Year {
    /// Takes sums by day, the day of the first setup, and today.
    pub(super) fn new(sums: &[Sum], since: Date, today: Date) -> Self {
        let minutes: HashMap<Date, i64> =
            sums.iter().map(|sum| (sum.start.date(), i64::from(sum.minutes))).collect();
        let monday = today - Duration::days(i64::from(today.weekday().number_days_from_monday()));
        let first = monday - Duration::weeks(WEEKS - 1);
        let cell = |day: Date| match minutes.get(&day) {
            _ if day > today => Cell::unknown("later"),
            None if day < since => Cell::unknown("before"),
            minutes => {
                let minutes = minutes.copied().unwrap_or_default();
                Cell::new(Level::of(minutes, BOUNDS), words::short(minutes))
            }
        };
        let row = |weekday: i64| {
            let day = first + Duration::days(weekday);
            Row {
                name: words::short_weekday(day),
                heard_name: day.weekday().to_string(),
                cells: (0..WEEKS).map(|week| cell(day + Duration::weeks(week))).collect(),
            }
        };
        Self {
            total: total(&minutes, since, today),
            weeks: (0..WEEKS).map(|week| Week::new(first + Duration::weeks(week))).collect(),
            rows: (0..7).map(row).collect(),
        }
    }
}

impl Week {
    fn new(monday: Date) -> Self {
        let month_of = |day: i64| (monday + Duration::days(day)).month();
        let begins = monday.day() == 1 || month_of(6) != monday.month();
        Self {
            heard_name: format!("Week of {} {}", monday.day(), monday.month()),
            month: begins.then(|| words::short_month(month_of(6))),
        }
    }
}

/// Says how long the last year was in use, or the time since the first setup.
fn total(minutes: &HashMap<Date, i64>, since: Date, today: Date) -> String {
    let first = today - Duration::days(YEAR_DAYS - 1);
    let sum = minutes.iter().filter(|(day, _)| **day >= first).map(|(_, minutes)| minutes).sum();
    let time = humanize::time_in_use(sum);
    if since <= first {
        format!("{time} in the last year")
    } else if since < today {
        format!("{time} since {}", humanize::date(since))
    } else {
        format!("{time} today")
    }
}

#[cfg(test)]
mod tests {
    use time::{OffsetDateTime, Time, macros::date};

    use super::*;

    fn sum(day: Date, minutes: u32) -> Sum {
        Sum { start: OffsetDateTime::new_utc(day, Time::MIDNIGHT), minutes, beats: 1 }
    }

    /// Class and words of a day's cell.
    fn cell(year: &Year, weekday: usize, week: usize) -> (&str, &str) {
        let cell = &year.rows[weekday].cells[week];
        (cell.class, &cell.words)
    }

    #[test]
    fn the_last_column_is_this_week_and_its_later_days_are_empty() {
        let today = date!(2026 - 11 - 27);
        let year =
            Year::new(&[sum(today, 190), sum(date!(2025 - 11 - 24), 59)], date!(2020 - 01 - 01), today);
        assert_eq!((year.weeks.len(), year.rows.len()), (53, 7));
        assert!(year.rows.iter().all(|row| row.cells.len() == 53));
        assert_eq!((year.rows[0].name.as_str(), year.rows[6].heard_name.as_str()), ("Mon", "Sunday"));
        assert_eq!(cell(&year, 4, 52), ("l3", "3 hr 10 min"));
        assert_eq!(cell(&year, 5, 52), ("later", ""));
        assert_eq!(cell(&year, 3, 52), ("l0", "0 min"));
        assert_eq!(cell(&year, 0, 0), ("l1", "59 min"));
        assert_eq!(year.weeks[52].heard_name, "Week of 23 November");
        // The first day is more than a year ago.
        assert_eq!(year.total, "3 hours in the last year");
    }

    #[test]
    fn months_stand_above_the_week_in_which_they_begin() {
        let year = Year::new(&[], date!(2020 - 01 - 01), date!(2026 - 11 - 27));
        let months: Vec<_> = year.weeks.iter().filter_map(|week| week.month.as_deref()).collect();
        assert_eq!(
            months,
            ["Dec", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov"]
        );
        // 1 December 2025 was a Monday, and 1 November 2026 a Sunday.
        assert_eq!(year.weeks[1].month.as_deref(), Some("Dec"));
        assert_eq!(year.weeks[48].month.as_deref(), Some("Nov"));
        assert_eq!(year.weeks[49].month, None);
    }

    #[test]
    fn days_before_the_first_setup_are_outlined_unless_beats_were_moved_in() {
        let (today, since) = (date!(2026 - 11 - 27), date!(2026 - 11 - 25));
        let year = Year::new(&[sum(date!(2026 - 11 - 24), 45), sum(today, 1)], since, today);
        assert_eq!(cell(&year, 0, 52), ("before", ""));
        assert_eq!(cell(&year, 1, 52), ("l1", "45 min"));
        assert_eq!(cell(&year, 2, 52), ("l0", "0 min"));
        assert_eq!(year.total, "46 minutes since 25 November 2026");
        assert_eq!(Year::new(&[sum(today, 1)], today, today).total, "1 minute today");
    }
}
