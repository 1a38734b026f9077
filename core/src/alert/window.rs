//! Windows: daily times of the wall clock.

use std::fmt;

use jiff::civil::Time;

/// A daily time of the wall clock, such as `23:00-07:00`: from the first minute to the one before the last. It may go on past
/// midnight. Where both are the same it is the whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    start: Time,
    end: Time,
}

impl Window {
    /// Parses two times of hours and minutes with a dash between them. Fails with what is expected.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let window = text
            .split_once('-')
            .and_then(|(start, end)| Some(Self { start: time(start.trim())?, end: time(end.trim())? }));
        window.ok_or("two times of the day, such as 23:00-07:00")
    }

    /// Whether clocks that show `time` are in it.
    #[must_use]
    pub fn contains(&self, time: Time) -> bool {
        if self.start < self.end {
            (self.start..self.end).contains(&time)
        } else {
            time >= self.start || time < self.end
        }
    }

    /// Returns the time at which it begins.
    #[must_use]
    pub fn start(&self) -> Time {
        self.start
    }

    /// Returns the time at which it ends.
    #[must_use]
    pub fn end(&self) -> Time {
        self.end
    }
}

/// Parses hours and minutes; `24:00` is midnight.
fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let number = |digits: &str, lengths: std::ops::RangeInclusive<usize>| {
        let is_number = lengths.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { digits.parse::<i8>().ok() } else { None }
    };
    let (hour, minute) = (number(hour, 1..=2)?, number(minute, 2..=2)?);
    let hour = if (hour, minute) == (24, 0) { 0 } else { hour };
    Time::new(hour, minute, 0, 0).ok()
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, end } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", start.hour(), start.minute(), end.hour(), end.minute())
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::time;

    use super::*;

    fn window(text: &str) -> Window {
        Window::parse(text).expect(text)
    }

    #[test]
    fn windows_may_go_past_midnight_or_last_all_day() {
        let contains = |text: &str, hour, minute| window(text).contains(time(hour, minute, 59, 0));
        assert!(
            contains("09:00-17:00", 9, 0)
                && contains("09:00-17:00", 16, 59)
                && !contains("09:00-17:00", 17, 0)
        );
        assert!(
            contains("23:00-07:00", 23, 0)
                && contains("23:00-07:00", 6, 59)
                && !contains("23:00-07:00", 7, 0)
        );
        assert!(contains("12:00-12:00", 12, 0) && contains("12:00-12:00", 11, 59));
        assert!(contains("22:00-24:00", 23, 59) && !contains("22:00-24:00", 0, 0));
    }

    #[test]
    fn windows_are_written_as_they_are_read() {
        assert_eq!(window("23:00-07:00").to_string(), "23:00-07:00");
        assert_eq!(window("9:00 - 24:00").to_string(), "09:00-00:00");
        for text in [
            "",
            "23:00",
            "23-07",
            "25:00-07:00",
            "23:60-07:00",
            "23:0-07:00",
            "24:01-07:00",
            "a:00-b:00",
            "23:00-07:00-08:00",
        ] {
            assert!(Window::parse(text).is_err(), "{text}");
        }
    }
}
