//! The pause that the user asked for, in a file that `pause` writes and the running agent reads.

use std::{fs, io, path::Path, time::Duration};

use chrono::{DateTime, Days, NaiveTime, TimeZone};

use crate::files::{self, Durability};

/// Reason why a text is no end of a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a duration such as 2h, `until` and a time of day such as 18:00, or `off`")]
pub(crate) struct PauseError;

/// Returns the Unix time at which a pause from `now` on ends, or `None` for `off`.
pub(crate) fn end<Zone: TimeZone>(words: &[String], now: &DateTime<Zone>) -> Result<Option<i64>, PauseError> {
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["off"] => Ok(None),
        ["until", time] => next(time, now).map(Some).ok_or(PauseError),
        [duration] => {
            let duration = humantime::parse_duration(duration).map_err(|_| PauseError)?;
            let seconds = i64::try_from(duration.as_secs()).map_err(|_| PauseError)?;
            now.timestamp().checked_add(seconds).map(Some).ok_or(PauseError)
        }
        _ => Err(PauseError),
    }
}

/// Returns when a clock on the wall next shows `time`. Where the clocks are set forward over it, that is later by as
/// much; where they are set back, the first of the two.
fn next<Zone: TimeZone>(time: &str, now: &DateTime<Zone>) -> Option<i64> {
    let (hour, minute) = time.split_once(':')?;
    let time = NaiveTime::from_hms_opt(hour.parse().ok()?, minute.parse().ok()?, 0)?;
    let today = now.date_naive();
    [today, today.checked_add_days(Days::new(1))?].into_iter().find_map(|day| {
        let local = day.and_time(time);
        let zone = now.timezone();
        let end = zone.from_local_datetime(&local).earliest().or_else(|| {
            let skipped = chrono::TimeDelta::hours(1);
            zone.from_local_datetime(&(local + skipped)).earliest()
        })?;
        (end > *now).then(|| end.timestamp())
    })
}

/// Keeps the end of a pause in the file at `path`, or removes it.
pub(crate) fn save(path: &Path, until: Option<i64>) -> io::Result<()> {
    match until {
        Some(until) => files::write_private(path, &format!("{until}\n"), Durability::Durable),
        None => files::remove(path).map(drop),
    }
}

/// Returns the end of the pause that the file at `path` holds.
pub(crate) fn load(path: &Path) -> Option<i64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Interval in which a paused agent looks whether the pause was ended.
pub(crate) const PAUSE_INTERVAL: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use chrono::FixedOffset;

    use super::*;

    fn until(words: &[&str]) -> Result<Option<i64>, PauseError> {
        // 2026-11-26 17:30 at UTC+1.
        let zone = FixedOffset::east_opt(3600).expect("an offset");
        let now = zone.with_ymd_and_hms(2026, 11, 26, 17, 30, 0).single().expect("a time");
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        end(&words, &now).map(|end| end.map(|end| end - now.timestamp()))
    }

    #[test]
    fn a_pause_ends_after_a_duration_or_at_the_next_such_time_of_day() {
        assert_eq!(until(&["2h"]), Ok(Some(7200)));
        assert_eq!(until(&["1h 30m"]), Ok(Some(5400)));
        assert_eq!(until(&["until", "18:00"]), Ok(Some(1800)));
        assert_eq!(until(&["until", "17:30"]), Ok(Some(86400)), "tomorrow");
        assert_eq!(until(&["until", "7:00"]), Ok(Some(13 * 3600 + 1800)), "tomorrow");
        assert_eq!(until(&["off"]), Ok(None));
    }

    #[test]
    fn other_words_are_refused() {
        for words in [&["until"][..], &["until", "25:00"], &["18:00"], &["for", "2h"], &["-2h"]] {
            assert_eq!(until(words), Err(PauseError), "{words:?}");
        }
    }
}
