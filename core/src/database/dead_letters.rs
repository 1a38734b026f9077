//! Dead letters: events in the outbox that are no longer sent. All statements go by the database's clock.

use time::OffsetDateTime;

use super::connection::Connection;

/// Events of one channel that were dead-lettered.
#[derive(Debug)]
pub struct DeadLettered {
    /// The channel's key.
    pub channel: String,
    /// How many they are.
    pub events: i64,
}

/// Rows that one statement of a job works on at most, so that it ends before its timeout. A job is run again soon.
const JOB_ROWS_MAX: i64 = 10_000;

/// Events that are too old to wait any longer, for any channel.
#[derive(Debug)]
pub struct TooOld<'a> {
    /// Kinds of events that this is about.
    pub kinds: &'a [String],
    /// Whether it is about these kinds, or about all others.
    pub of_kinds: bool,
    /// The age in seconds, counted from when the event happened or was written, whichever is earlier; from when it was written,
    /// if it was dead before and sent again.
    pub max_age: f64,
    /// Seconds after which an event that is too old takes along those of its channel that just got too old: they
    /// are a few at a time, and one line in the log.
    pub margin: f64,
    /// What becomes known as the reason.
    pub reason: &'a str,
}

/// Dead-letters events that are too old at `now`, by that clock and the database's. What a friend may learn a week later,
/// with `precision` `week`, may wait so much longer.
pub async fn dead_letter_old(
    connection: &mut Connection,
    now: OffsetDateTime,
    too_old: &TooOld<'_>,
) -> Result<Vec<DeadLettered>, sqlx::Error> {
    sqlx::query_file_as!(
        DeadLettered,
        "src/database/dead_letters/dead_letter_old.sql",
        now,
        too_old.kinds,
        too_old.of_kinds,
        too_old.max_age,
        too_old.margin,
        JOB_ROWS_MAX,
        too_old.reason,
    )
    .fetch_all(connection)
    .await
}

/// Dead letters that are to be sent again.
#[derive(Debug, Clone, Copy)]
pub enum DeadLetters<'a> {
    /// The one with this id.
    One(i64),
    /// All that were for the channel with this key.
    Of(&'a str),
}

/// Lets dead letters wait again, as if they had just been written. Returns how many those are. Of an alert only the newest state
/// is sent, and no alarm for an absence that has ended: such dead letters stay what they are.
pub async fn revive(connection: &mut Connection, letters: DeadLetters<'_>) -> Result<u64, sqlx::Error> {
    let (id, channel) = match letters {
        DeadLetters::One(id) => (Some(id), None),
        DeadLetters::Of(channel) => (None, Some(channel)),
    };
    let revived = sqlx::query_file_scalar!("src/database/dead_letters/revive.sql", id, channel,)
        .fetch_one(connection)
        .await?;
    Ok(u64::try_from(revived).unwrap_or_default())
}

/// Deletes dead letters that are older than `max_age` seconds at `now`, by that clock and the database's. Returns
/// how many those were.
pub async fn expire(
    connection: &mut Connection,
    now: OffsetDateTime,
    max_age: f64,
) -> Result<u64, sqlx::Error> {
    let expired = sqlx::query!(
        "
        DELETE FROM heartbeat.outbox
        WHERE id IN (
            SELECT id
            FROM heartbeat.outbox
            WHERE dead_at < LEAST($1, now()) - make_interval(secs => $2)
            ORDER BY dead_at
            LIMIT $3
        )
        ",
        now,
        max_age,
        JOB_ROWS_MAX,
    )
    .execute(connection)
    .await?;
    Ok(expired.rows_affected())
}
