//! The end of a snooze, as people write it.

use heartbeat_core::Config;
use jiff::{
    Timestamp, ZonedDateTime,
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};

/// The text is no end of a snooze.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SnoozeError {
    #[error(
        "snooze: expected a duration such as 3d or 12h, until 2026-12-24, until \"2026-12-24 18:00\", until 18:00, or off"
    )]
    Unknown,
    #[error(
        "snooze: no time zone is configured: set timezone, or write the time with its offset, until 2026-12-24T18:00:00+01:00"
    )]
    NoTimezone,
    #[error("snooze: the end must be in the future")]
    Past,
}

/// Returns the time zone that the configuration sets, if it does. What was chosen in a browser is not known here.
pub(super) fn timezone(config: &Config) -> Option<TimeZone> {
    TimeZone::get(config.timezone.as_ref()?.name()).ok()
}

/// Returns the end of a snooze from `now` on, or `None` for `off`. Times without an offset, and days, are those of
/// `timezone`. Where it is missing, a day has 24 hours, and a time needs its offset.
pub(super) fn end(
    words: &[String],
    now: Timestamp,
    timezone: Option<TimeZone>,
) -> Result<Option<Timestamp>, SnoozeError> {
    let words = words.join(" ");
    let has_timezone = timezone.is_some();
    let local_now = now.to_zoned_datetime(timezone.unwrap_or(TimeZone::UTC));
    let end = match words.split_once(' ') {
        None if words == "off" => return Ok(None),
        Some(("until", when)) => {
            if let Ok(exact) = when.parse() {
                exact
            } else {
                let local = moment(when, &local_now).ok_or(SnoozeError::Unknown)?;
                if has_timezone { local } else { return Err(SnoozeError::NoTimezone) }
            }
        }
        _ => after(&words, &local_now).ok_or(SnoozeError::Unknown)?,
    };
    if end > now { Ok(Some(end)) } else { Err(SnoozeError::Past) }
}

/// Returns the time after a duration.
fn after(duration: &str, now: &ZonedDateTime) -> Option<Timestamp> {
    let span: jiff::Span = duration.parse().ok()?;
    Some(now.checked_add(span).ok()?.timestamp())
}

/// Returns a point in time: a date, a date and a time, or when clocks next show a time.
fn moment(when: &str, now: &ZonedDateTime) -> Option<Timestamp> {
    let zone = || now.time_zone().clone();
    // A date and a time parse as a time, too.
    if let Ok(time) = when.parse::<Time>()
        && !when.contains('-')
    {
        let today = now.date().to_datetime(time).to_zoned_datetime(zone()).ok()?;
        let next = if today > *now {
            today
        } else {
            now.date().tomorrow().ok()?.to_datetime(time).to_zoned_datetime(zone()).ok()?
        };
        return Some(next.timestamp());
    }
    // A date alone parses as a date and a time, too: midnight, which may be skipped.
    let start = when.parse::<Date>().ok().filter(|_| !when.contains(':'));
    let local = match start {
        Some(date) => date.to_zoned_datetime(zone()).ok()?,
        None => when.parse::<DateTime>().ok()?.to_zoned_datetime(zone()).ok()?,
    };
    Some(local.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end_of(words: &str) -> Result<Option<String>, SnoozeError> {
        let now: ZonedDateTime = "2026-10-24T17:30[Europe/Berlin]".parse().expect("a time");
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        Ok(end(&words, now.timestamp(), Some(now.time_zone().clone()))?
            .map(|end| end.to_zoned_datetime(now.time_zone().clone()).strftime("%F %R %z").to_string()))
    }

    #[test]
    fn it_ends_after_a_duration_or_at_a_time_of_the_owners_clocks() {
        for (words, expected) in [
            ("12h", "2026-10-25 04:30 +0100"),
            // A day later by the calendar, over a night of 25 hours.
            ("3d", "2026-10-27 17:30 +0100"),
            ("1 week", "2026-10-31 17:30 +0100"),
            ("until 18:00", "2026-10-24 18:00 +0200"),
            ("until 17:00", "2026-10-25 17:00 +0100"),
            ("until 2026-12-24", "2026-12-24 00:00 +0100"),
            ("until 2026-12-24 18:00", "2026-12-24 18:00 +0100"),
            ("until 2026-12-24T18:00", "2026-12-24 18:00 +0100"),
            ("until 2026-12-24T18:00:00Z", "2026-12-24 19:00 +0100"),
        ] {
            assert_eq!(end_of(words), Ok(Some(expected.to_owned())), "{words}");
        }
        assert_eq!(end_of("off"), Ok(None));
    }

    #[test]
    fn without_a_time_zone_a_time_needs_its_offset() {
        let end_of = |words: &str| {
            let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
            let now = "2026-10-24T15:30:00Z".parse().expect("a time");
            Ok(end(&words, now, None)?.map(|end| end.to_string()))
        };
        for (words, expected) in [
            ("12h", "2026-10-25T03:30:00Z"),
            ("3d", "2026-10-27T15:30:00Z"),
            ("until 2026-12-24T18:00:00Z", "2026-12-24T18:00:00Z"),
            ("until 2026-12-24 18:00+01:00", "2026-12-24T17:00:00Z"),
        ] {
            assert_eq!(end_of(words), Ok(Some(expected.to_owned())), "{words}");
        }
        for words in ["until 18:00", "until 2026-12-24", "until 2026-12-24 18:00"] {
            assert_eq!(end_of(words), Err(SnoozeError::NoTimezone), "{words}");
        }
        assert_eq!(end_of("until tomorrow"), Err(SnoozeError::Unknown));
        assert_eq!(end_of("off"), Ok(None));
    }

    #[test]
    fn anything_else_is_refused() {
        for words in ["", "soon", "until", "until tomorrow", "3", "until 25:00", "99999999d", "off now"] {
            assert_eq!(end_of(words), Err(SnoozeError::Unknown), "{words}");
        }
        for words in ["0s", "-3d", "until 2026-01-01", "until 2026-10-24T17:29"] {
            assert_eq!(end_of(words), Err(SnoozeError::Past), "{words}");
        }
    }
}
