//! Times as the owner reads them: on the clocks of their time zone.

use heartbeat_core::settings::Timezone;
use time::OffsetDateTime;

/// Formats a moment near `now`: `today 15:24`, `tomorrow 15:24`, `yesterday 15:24`, `24 November 15:24`, and with the year
/// if that is another.
pub(super) fn moment(time: OffsetDateTime, now: OffsetDateTime, timezone: &Timezone) -> String {
    let (Some(local), Some(today)) = (timezone.local(time), timezone.local(now)) else {
        return String::new();
    };
    let clock = local.strftime("%H:%M");
    let (day, today_itself) = (Some(local.date()), today.date());
    if day == Some(today_itself) {
        format!("today {clock}")
    } else if day == today_itself.tomorrow().ok() {
        format!("tomorrow {clock}")
    } else if day == today_itself.yesterday().ok() {
        format!("yesterday {clock}")
    } else if local.year() == today.year() {
        local.strftime("%-d %B %H:%M").to_string()
    } else {
        local.strftime("%-d %B %Y %H:%M").to_string()
    }
}

/// Formats a moment of the past with its year: `24 November 2026, 15:24`.
pub(super) fn date_and_time(time: OffsetDateTime, timezone: &Timezone) -> String {
    timezone.local(time).map_or_else(String::new, |local| local.strftime("%-d %B %Y, %H:%M").to_string())
}

/// Formats a day: `24 November 2026`.
pub(super) fn date(time: OffsetDateTime, timezone: &Timezone) -> String {
    timezone.local(time).map_or_else(String::new, |local| local.strftime("%-d %B %Y").to_string())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn moments_are_named_by_the_days_of_the_time_zone() {
        let berlin = Timezone::parse("Europe/Berlin").expect("a time zone");
        let now = datetime!(2026-11-26 23:30 UTC);
        for (time, text) in [
            (datetime!(2026-11-26 23:00 UTC), "today 00:00"),
            (datetime!(2026-11-26 22:59 UTC), "yesterday 23:59"),
            (datetime!(2026-11-28 14:24 UTC), "tomorrow 15:24"),
            (datetime!(2026-06-01 10:00 UTC), "1 June 12:00"),
            (datetime!(2025-06-01 10:00 UTC), "1 June 2025 12:00"),
        ] {
            assert_eq!(moment(time, now, &berlin), text);
        }
        assert_eq!(date_and_time(now, &berlin), "27 November 2026, 00:30");
        assert_eq!(date(now, &berlin), "27 November 2026");
    }
}
