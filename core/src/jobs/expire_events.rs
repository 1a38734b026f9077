//! Deletes events that are no longer wanted.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::database::outbox;

/// Age after which dead-lettered events are deleted.
const DEAD_LETTER_MAX_AGE: Duration = Duration::WEEK;

/// Age after which events are deleted whose channel exists no more. Another process may still have the channel
/// in its configuration; it would dead-letter them at the same age.
const ABANDONED_MAX_AGE: Duration = Duration::DAY;

/// Deletes the events, and returns how many there were.
pub(super) async fn run(
    connection: &mut PgConnection,
    configured: &[String],
    now: OffsetDateTime,
) -> Result<u64, sqlx::Error> {
    outbox::expire(connection, configured, now - DEAD_LETTER_MAX_AGE, now - ABANDONED_MAX_AGE).await
}
