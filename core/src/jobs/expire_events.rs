//! Deletes dead letters that were kept for long enough.

use time::{Duration, OffsetDateTime};

use crate::database::{Connection, dead_letters};

/// Age, as a dead letter, at which events are deleted.
const DEAD_LETTER_MAX_AGE: Duration = Duration::WEEK;

/// Deletes the events, and returns how many there were.
pub(super) async fn run(connection: &mut Connection, now: OffsetDateTime) -> Result<u64, sqlx::Error> {
    dead_letters::expire(connection, now, DEAD_LETTER_MAX_AGE.as_seconds_f64()).await
}
