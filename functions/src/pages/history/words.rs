//! Times in use, and parts of dates, as people read and hear them.

use heartbeat_core::humanize::{count, grouped};
use time::{Date, Month};

/// Minutes of an hour.
const HOUR: i64 = 60;

/// Formats a time in use: `9 hr 35 min`. Days have no name of their own: one may have 25 hours.
pub(super) fn short(minutes: i64) -> String {
    match (minutes / HOUR, minutes % HOUR) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{} hr", grouped(hours)),
        (hours, minutes) => format!("{} hr {minutes} min", grouped(hours)),
    }
}

/// Formats a time in use for those who hear it: `9 hours 35 minutes`.
pub(super) fn long(minutes: i64) -> String {
    match (minutes / HOUR, minutes % HOUR) {
        (0, minutes) => count(minutes, "minute"),
        (hours, 0) => count(hours, "hour"),
        (hours, minutes) => format!("{} {}", count(hours, "hour"), count(minutes, "minute")),
    }
}

/// Formats a minute of a day, as clocks show it: `8:10`.
pub(super) fn clock(minute: u16) -> String {
    format!("{}:{:02}", minute / 60, minute % 60)
}

/// The name of the day in the week, in three letters: `Mon`.
pub(super) fn short_weekday(day: Date) -> String {
    day.weekday().to_string().chars().take(3).collect()
}

/// The name of a month, in three letters: `Nov`.
pub(super) fn short_month(month: Month) -> String {
    month.to_string().chars().take(3).collect()
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn times_in_use_are_in_hours_and_minutes() {
        for (minutes, read, heard) in [
            (0, "0 min", "0 minutes"),
            (1, "1 min", "1 minute"),
            (60, "1 hr", "1 hour"),
            (575, "9 hr 35 min", "9 hours 35 minutes"),
            (1_500, "25 hr", "25 hours"),
        ] {
            assert_eq!((short(minutes).as_str(), long(minutes).as_str()), (read, heard));
        }
    }

    #[test]
    fn dates_are_short() {
        assert_eq!([0, 490, 1_382, 1_440].map(clock), ["0:00", "8:10", "23:02", "24:00"]);
        assert_eq!(short_weekday(date!(2026 - 11 - 27)), "Fri");
        assert_eq!(short_month(Month::September), "Sep");
    }
}
