//! Times and spans in notifications.

use time::OffsetDateTime;

use crate::{humanize, settings::Timezone};

/// Formats a time by the clocks of `timezone`: `Tuesday, 24 November 2026, 08:12 (Berlin time)`.
pub(super) fn local(time: OffsetDateTime, timezone: &Timezone) -> String {
    let Some(local) = timezone.local(time) else { return time.date().to_string() };
    let zone = match timezone.name() {
        "UTC" => " UTC".to_owned(),
        name => format!(" ({} time)", name.rsplit('/').next().unwrap_or(name).replace('_', " ")),
    };
    format!("{}{zone}", local.strftime("%A, %-d %B %Y, %H:%M"))
}

/// Formats a time and its age: `Tuesday, 24 November 2026, 08:12 UTC, 26 hours ago`.
pub(super) fn since(time: OffsetDateTime, now: OffsetDateTime, timezone: &Timezone) -> String {
    let seconds = (now - time).whole_seconds();
    let age =
        if seconds < 60 { "just now".to_owned() } else { format!("{} ago", humanize::in_hours(seconds)) };
    format!("{}, {age}", local(time, timezone))
}
