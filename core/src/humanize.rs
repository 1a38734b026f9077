//! Durations, ages, dates, counts and shares as people read them: `3 min 12 sec`, `3 minutes ago`, `27 November 2026`,
//! `1,234 beats`, `33.3`.

use time::Date;

/// Units of time: the short name in durations, the name in ages, and the length in seconds, the largest first. Both
/// count in days at most, so that "400 days 3 hr" and "400 days ago" are recognized as one span. The short names are
/// those of browsers' `Intl.NumberFormat` in English, so that a page looks the same once its script writes them.
const UNITS: [(&str, &str, i64); 4] =
    [("day", "day", 86_400), ("hr", "hour", 3_600), ("min", "minute", 60), ("sec", "second", 1)];

/// Part of a duration: a number of one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Number of units.
    pub number: i64,
    /// The unit: `day` or `days`, `hr`, `min`, `sec`.
    pub unit: &'static str,
}

/// Splits a duration into its two largest units: 3 min 12 sec. The second is left out if it is zero.
#[must_use]
pub fn parts(seconds: i64) -> Vec<Part> {
    let seconds = seconds.max(0);
    let largest = UNITS.iter().position(|(.., length)| seconds >= *length).unwrap_or(UNITS.len() - 1);
    let mut rest = seconds;
    let mut parts = Vec::with_capacity(2);
    for (unit, _, length) in &UNITS[largest..UNITS.len().min(largest + 2)] {
        let number = rest / length;
        rest %= length;
        if number > 0 || parts.is_empty() {
            parts.push(Part { number, unit: if *unit == "day" && number != 1 { "days" } else { unit } });
        }
    }
    parts
}

/// Formats a duration: `3 min 12 sec`.
#[must_use]
pub fn duration(seconds: i64) -> String {
    let words = parts(seconds).into_iter().map(|part| format!("{} {}", grouped(part.number), part.unit));
    words.collect::<Vec<_>>().join(" ")
}

/// Formats an age in one unit: `3 minutes ago`.
#[must_use]
pub fn ago(seconds: i64) -> String {
    let unit = UNITS.iter().find(|(.., length)| seconds >= *length);
    unit.map_or("just now".to_owned(), |(_, unit, length)| format!("{} ago", count(seconds / length, unit)))
}

/// Hours up to which absences that worry readers are counted in hours: "26 hours" and "2 days" are not the same to them.
const HOURS_MAX: i64 = 72;

/// Formats the length of an absence in one unit, in hours up to three days: `45 minutes`, `26 hours`, `3 days`.
#[must_use]
pub fn in_hours(seconds: i64) -> String {
    let hours = seconds / 3_600;
    if hours < 1 {
        count((seconds / 60).max(0), "minute")
    } else if hours < HOURS_MAX {
        count(hours, "hour")
    } else {
        count(hours / 24, "day")
    }
}

/// Formats a long time in use, to the nearest hour: `2,114 hours`.
#[must_use]
pub fn time_in_use(minutes: i64) -> String {
    if minutes < 60 { count(minutes, "minute") } else { count((minutes + 30) / 60, "hour") }
}

/// Formats a date: `27 November 2026`.
#[must_use]
pub fn date(day: Date) -> String {
    format!("{} {} {}", day.day(), day.month(), day.year())
}

/// Formats a number of things: `1 beat`, `1,234 beats`.
#[must_use]
pub fn count(number: i64, singular: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {singular}{plural}", grouped(number))
}

/// Formats a share of a whole in percent, with one digit after the point. It counts in integers, so that shares that lie
/// between two steps are rounded up, as the script of the page does.
#[must_use]
pub fn percent(part: i64, whole: i64) -> String {
    let (part, whole) = (i128::from(part), i128::from(whole.max(1)));
    let thousandths = (2_000 * part + whole) / (2 * whole);
    format!("{}.{}", thousandths / 10, thousandths % 10)
}

/// Formats a number with commas between groups of three digits: `1,234,567`.
#[must_use]
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats the Unix time of a text that others may keep for days: `as of 2 November 2023, 09:48 UTC`. To the minute, so
/// that what is generated from it does not change each second. Nothing for a time that no calendar has.
#[must_use]
pub fn as_of(unix_time: i64) -> String {
    let format = time::macros::format_description!(
        "as of [day padding:none] [month repr:long] [year], [hour]:[minute] UTC"
    );
    let time = time::OffsetDateTime::from_unix_timestamp(unix_time).ok();
    time.and_then(|time| time.format(format).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn durations_have_their_two_largest_units() {
        for (seconds, words) in [
            (-5, "0 sec"),
            (0, "0 sec"),
            (59, "59 sec"),
            (60, "1 min"),
            (192, "3 min 12 sec"),
            (3_600, "1 hr"),
            (3_659, "1 hr"),
            (84_898, "23 hr 34 min"),
            (86_400, "1 day"),
            (8_082_297, "93 days 13 hr"),
            (86_400 * 12_345, "12,345 days"),
        ] {
            assert_eq!(duration(seconds), words, "{seconds}");
        }
    }

    #[test]
    fn ages_have_one_unit() {
        for (seconds, words) in [
            (-1, "just now"),
            (0, "just now"),
            (1, "1 second ago"),
            (59, "59 seconds ago"),
            (60, "1 minute ago"),
            (180, "3 minutes ago"),
            (3_599, "59 minutes ago"),
            (7_200, "2 hours ago"),
            (86_400, "1 day ago"),
            (86_400 * 60, "60 days ago"),
            (86_400 * 400, "400 days ago"),
            (86_400 * 1_234, "1,234 days ago"),
        ] {
            assert_eq!(ago(seconds), words, "{seconds}");
        }
    }

    #[test]
    fn absences_are_counted_in_hours_up_to_three_days() {
        for (seconds, words) in [
            (-1, "0 minutes"),
            (600, "10 minutes"),
            (3_600, "1 hour"),
            (26 * 3_600 + 3_599, "26 hours"),
            (72 * 3_600 - 1, "71 hours"),
            (72 * 3_600, "3 days"),
        ] {
            assert_eq!(in_hours(seconds), words, "{seconds}");
        }
    }

    #[test]
    fn long_times_in_use_are_rounded_to_hours() {
        assert_eq!(
            [59, 89, 90, 126_840].map(time_in_use),
            ["59 minutes", "1 hour", "2 hours", "2,114 hours"]
        );
    }

    #[test]
    fn dates_begin_with_the_day() {
        assert_eq!(date(date!(2026 - 11 - 07)), "7 November 2026");
    }

    #[test]
    fn one_is_singular() {
        let counted = [0, 1, 2, 1_234].map(|number| count(number, "beat"));
        assert_eq!(counted, ["0 beats", "1 beat", "2 beats", "1,234 beats"]);
    }

    #[test]
    fn shares_between_two_steps_are_rounded_up() {
        for (part, whole, text) in [
            (0, 0, "0.0"),
            (1, 1, "100.0"),
            (1, 3, "33.3"),
            (2, 3, "66.7"),
            (1, 400, "0.3"),
            (3, 400, "0.8"),
            (1, 2_000, "0.1"),
            (1, 2_001, "0.0"),
            (i64::MAX, i64::MAX, "100.0"),
        ] {
            assert_eq!(percent(part, whole), text, "{part} of {whole}");
        }
    }

    #[test]
    fn digits_stand_in_groups_of_three() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567"), (-12_345, "-12,345")]
        {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(grouped(i64::MIN), "-9,223,372,036,854,775,808");
    }

    #[test]
    fn a_time_is_given_to_the_minute() {
        let time = time::macros::datetime!(2023-11-02 10:48:40 +1);
        assert_eq!(as_of(time.unix_timestamp()), "as of 2 November 2023, 09:48 UTC");
    }
}
