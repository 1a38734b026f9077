//! Retention: how long rows of `beats` are kept. What is rolled up of them, counts and records stay.

use std::fmt;

/// The shortest time: what is public under the coarsest precision needs the beats of the last weeks.
const DAYS_MIN: u32 = 30;

/// The longest time: a hundred years.
const DAYS_MAX: u32 = 100 * DAYS_OF_YEAR;

/// Days of a year: none is deleted early because the year was a leap year.
const DAYS_OF_YEAR: u32 = 366;

/// A time for which rows of `beats` are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    days: u32,
}

impl Retention {
    /// Parses days, weeks or years, such as `90d`, `26w` or `2y`; `forever` is none. Fails with what is expected.
    pub fn parse(text: &str) -> Result<Option<Self>, &'static str> {
        let expected = "forever, or 30 days and more, such as 90d, 26w or 2y";
        if text == "forever" {
            return Ok(None);
        }
        let (count, unit) = text.split_at_checked(text.len().wrapping_sub(1)).ok_or(expected)?;
        let unit = match unit {
            "d" => 1,
            "w" => 7,
            "y" => DAYS_OF_YEAR,
            _ => return Err(expected),
        };
        let is_plain = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
        let count: Option<u32> = is_plain.then(|| count.parse().ok()).flatten();
        let days = count.and_then(|count| count.checked_mul(unit));
        let days = days.filter(|days| (DAYS_MIN..=DAYS_MAX).contains(days)).ok_or(expected)?;
        Ok(Some(Self { days }))
    }

    /// Returns its length in days of 24 hours.
    #[must_use]
    pub fn days(self) -> u32 {
        self.days
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} days", self.days)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_weeks_and_years_are_read_and_nothing_shorter_than_a_month() {
        let days = |text| Retention::parse(text).map(|retention| retention.map(Retention::days));
        assert_eq!(days("forever"), Ok(None));
        assert_eq!([days("90d"), days("5w"), days("2y")], [Ok(Some(90)), Ok(Some(35)), Ok(Some(732))]);
        for text in [
            "",
            "d",
            "90",
            "29d",
            "1w",
            "-90d",
            "+90d",
            "1.5y",
            "90 d",
            "101y",
            "99999999999d",
            "é",
            "Forever",
        ] {
            assert!(days(text).is_err(), "{text}");
        }
    }
}
