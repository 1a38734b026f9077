//! What waits in the outbox and why, as the owner sees it. All statements go by the database's clock.

use time::OffsetDateTime;

use super::connection::Connection;

/// Maximum number of dead letters that are listed.
const DEAD_LETTERS_MAX: i64 = 20;

/// What became of the events for one channel.
#[derive(Debug)]
pub struct ChannelState {
    /// The channel's key.
    pub channel: String,
    /// Its name, if it is in the database.
    pub name: Option<String>,
    /// Number of events that wait.
    pub waiting: i64,
    /// Since when the oldest of them waits.
    pub waiting_since: Option<OffsetDateTime>,
    /// Number of dead letters.
    pub dead: i64,
    /// Failed attempts since the last that succeeded.
    pub failed_attempts: i32,
    /// Why the last of them failed.
    pub failure: Option<String>,
    /// When the next attempt may be made, if that is not now.
    pub next_attempt_at: Option<OffsetDateTime>,
    /// What its service said when it refused everything for good.
    pub disabled_reason: Option<String>,
    /// Since when nothing is sent to it.
    pub disabled_at: Option<OffsetDateTime>,
}

/// An event that was given up.
#[derive(Debug)]
pub struct DeadLetter {
    /// Its id in the outbox.
    pub id: i64,
    /// The channel's key.
    pub channel: String,
    /// Kind of event.
    pub kind: String,
    /// Time of the event, if it is one that a calendar has.
    pub happened_at: Option<OffsetDateTime>,
    /// Why it was given up.
    pub failure: Option<String>,
}

/// Returns the channels that events wait for or were given up for, and those that are disabled.
pub async fn channels(connection: &mut Connection) -> Result<Vec<ChannelState>, sqlx::Error> {
    sqlx::query_as!(
        ChannelState,
        r#"
        WITH events AS (
            SELECT
                channel,
                count(*) FILTER (WHERE dead_at IS NULL) AS waiting,
                min(LEAST(queued_at, happened_at)) FILTER (WHERE dead_at IS NULL) AS waiting_since,
                count(dead_at) AS dead
            FROM heartbeat.outbox
            GROUP BY channel
        )
        SELECT
            channel AS "channel!",
            stored.name AS "name?",
            coalesce(events.waiting, 0) AS "waiting!",
            CASE WHEN events.waiting_since BETWEEN '0001-01-01' AND '9999-12-31' THEN events.waiting_since END
                AS waiting_since,
            coalesce(events.dead, 0) AS "dead!",
            coalesce(lease.attempts, 0) AS "failed_attempts!",
            CASE WHEN lease.attempts > 0 THEN lease.failure END AS failure,
            CASE WHEN lease.due_at BETWEEN now() AND now() + interval '26 hours' THEN lease.due_at END
                AS next_attempt_at,
            disabled.reason AS "disabled_reason?",
            disabled.disabled_at AS "disabled_at?"
        FROM events
        FULL JOIN heartbeat.disabled_channels AS disabled USING (channel)
        LEFT JOIN heartbeat.dispatch_leases AS lease USING (channel)
        LEFT JOIN heartbeat.channels AS stored ON channel = 'channel:' || stored.id
        -- Other settings than those that were refused are tried.
        WHERE events.channel IS NOT NULL OR disabled.settings_hash IS NOT DISTINCT FROM lease.settings_hash
        ORDER BY channel
        "#
    )
    .fetch_all(connection)
    .await
}

/// Returns the events that were given up last, the newest first.
pub async fn dead_letters(connection: &mut Connection) -> Result<Vec<DeadLetter>, sqlx::Error> {
    sqlx::query_as!(
        DeadLetter,
        r#"
        SELECT
            id,
            channel,
            kind,
            CASE WHEN happened_at BETWEEN '0001-01-01' AND '9999-12-31' THEN happened_at END AS happened_at,
            failure
        FROM heartbeat.outbox
        WHERE dead_at IS NOT NULL
        ORDER BY dead_at DESC, id DESC
        LIMIT $1
        "#,
        DEAD_LETTERS_MAX,
    )
    .fetch_all(connection)
    .await
}
