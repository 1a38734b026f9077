//! The snooze: for how long the owner wants no alerts.

use heartbeat_core::{
    settings::Timezone,
    snooze::{Snooze, SnoozeNote},
};
use time::{Duration, OffsetDateTime};

use super::Form;
use crate::pages::Moment;

/// Lengths to choose from, by the number of days.
pub(super) const LENGTHS: &[(i64, &str)] = &[(1, "For a day"), (3, "For three days"), (7, "For a week")];

/// Last year that RFC 3339 can write.
const LAST_YEAR: i32 = 9999;

/// The snooze as the page shows it.
pub(super) struct SnoozeForm {
    /// When it ends; `None` if there is none.
    pub(super) until: Option<Moment>,
    pub(super) note: Option<String>,
    /// Name of the time zone in which an end is typed.
    pub(super) timezone: String,
}

impl SnoozeForm {
    pub(super) fn new(snooze: Option<Snooze>, timezone: &Timezone) -> Self {
        let until = snooze.as_ref().and_then(|snooze| Moment::at(snooze.until.unix_timestamp()));
        let note = snooze.and_then(|snooze| snooze.note).map(|note| note.as_str().to_owned());
        Self { until, note, timezone: timezone.name().to_owned() }
    }
}

/// Reads a snooze that begins at `now`. The error says what is wrong.
pub(super) fn parse(form: &Form, timezone: &Timezone, now: OffsetDateTime) -> Result<Snooze, String> {
    let length = form.field("length");
    let until = match LENGTHS.iter().find(|(days, _)| days.to_string() == length) {
        Some((days, _)) => Some(now + Duration::days(*days)),
        None => timezone.moment(&form.field("until")),
    };
    let until = until
        .filter(|until| *until > now && until.year() <= LAST_YEAR)
        .ok_or("End of the snooze: expected a date and a time in the future, such as 2126-12-24T18:00.")?;
    let note =
        SnoozeNote::parse(&form.field("note")).map_err(|error| format!("The note is refused: {error}."))?;
    Ok(Snooze { until, note })
}
