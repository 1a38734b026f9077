//! Leases on channels: which dispatcher delivers to which channel, and when the next delivery may be attempted. All
//! statements go by the database's clock. No lease is longer than an hour, and no delay longer than 25: times that are
//! later than that were written while the clock was ahead, and count for nothing.

use time::OffsetDateTime;

use super::connection::Connection;

/// A channel that events wait for.
#[derive(Debug)]
pub struct Due {
    /// The channel's key.
    pub channel: String,
    /// Seconds until its next delivery may be attempted; zero or less if it may be now.
    pub seconds: f64,
}

/// Returns those of the `channels` that events of these `kinds` wait for, without the disabled ones.
/// `settings_hashes` has the hash of each channel's settings, `visible_before` a time as [`outbox::first`] takes it.
///
/// [`outbox::first`]: super::outbox::first
pub async fn due(
    connection: &mut Connection,
    channels: &[String],
    settings_hashes: &[Vec<u8>],
    visible_before: &[Option<OffsetDateTime>],
    kinds: &[String],
) -> Result<Vec<Due>, sqlx::Error> {
    // PostgreSQL up to 16 cannot subtract from `-infinity`: only times that are to come are looked at.
    sqlx::query_file_as!(
        Due,
        "src/database/dispatch_leases/due.sql",
        channels,
        settings_hashes,
        kinds,
        visible_before as _,
    )
    .fetch_all(connection)
    .await
}

/// Attempts that failed with the same settings since the last that succeeded.
#[derive(Debug, Clone, Copy)]
pub struct Failed {
    /// How many they are.
    pub attempts: i32,
    /// How many of the last of them were denied.
    pub denials: i32,
}

/// Takes the lease on `channel` for some seconds, or renews it, if no other `holder` has it, a delivery is due, and
/// the channel is not disabled. Returns which attempts have failed.
pub async fn claim(
    connection: &mut Connection,
    channel: &str,
    settings_hash: &[u8],
    holder: &str,
    seconds: f64,
) -> Result<Option<Failed>, sqlx::Error> {
    sqlx::query_file_as!(
        Failed,
        "src/database/dispatch_leases/claim.sql",
        channel,
        settings_hash,
        holder,
        seconds,
    )
    .fetch_optional(connection)
    .await
}

/// Counts a failed attempt, which may have been denied, keeps the reason, and allows the next after some seconds. Returns whether
/// `holder` still had the lease; without it nothing changes.
pub async fn retry_later(
    connection: &mut Connection,
    channel: &str,
    holder: &str,
    seconds: f64,
    is_denied: bool,
    reason: &str,
) -> Result<bool, sqlx::Error> {
    let updated = sqlx::query!(
        "
        UPDATE heartbeat.dispatch_leases
        SET attempts = attempts + 1,
            denials = CASE WHEN $4 THEN denials + 1 ELSE 0 END,
            due_at = now() + make_interval(secs => $3),
            failed_at = now(),
            failure = $5
        WHERE channel = $1 AND holder = $2
        ",
        channel,
        holder,
        seconds,
        is_denied,
        reason,
    )
    .execute(connection)
    .await?;
    Ok(updated.rows_affected() > 0)
}

/// Counts a failed attempt for those of these channels, which this process cannot send to, of which events have waited for a minute,
/// unless there is one: another process, with another configuration, would have sent them. Their next delivery may begin at any
/// time.
pub async fn fail_unusable(
    connection: &mut Connection,
    channels: &[String],
    reasons: &[String],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        UPDATE heartbeat.dispatch_leases AS lease
        SET attempts = 1, failed_at = now(), failure = unusable.reason
        FROM unnest($1::text[], $2::text[]) AS unusable (channel, reason)
        WHERE lease.channel = unusable.channel
          AND lease.attempts = 0
          AND EXISTS (
              SELECT FROM heartbeat.outbox AS event
              WHERE event.channel = lease.channel
                AND event.dead_at IS NULL
                AND event.queued_at < now() - interval '1 minute'
          )
        ",
        channels,
        reasons,
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Gives the lease on `channel` back.
pub async fn release(connection: &mut Connection, channel: &str, holder: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE heartbeat.dispatch_leases SET held_until = '-infinity' WHERE channel = $1 AND holder = $2",
        channel,
        holder,
    )
    .execute(connection)
    .await
    .map(drop)
}
