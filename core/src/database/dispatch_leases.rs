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
    sqlx::query_as!(
        Due,
        r#"
        SELECT
            known.channel AS "channel!",
            coalesce(
                extract(epoch FROM GREATEST(
                    CASE
                        WHEN lease.due_at BETWEEN clock_timestamp() AND clock_timestamp() + interval '26 hours'
                        THEN lease.due_at
                    END,
                    CASE
                        WHEN lease.held_until BETWEEN clock_timestamp() AND clock_timestamp() + interval '2 hours'
                        THEN lease.held_until
                    END
                ) - clock_timestamp()), 0
            )::float8 AS "seconds!"
        FROM unnest($1::text[], $2::bytea[], $4::timestamptz[]) AS known (channel, settings_hash, visible_before)
        LEFT JOIN heartbeat.dispatch_leases AS lease
            ON lease.channel = known.channel AND lease.settings_hash = known.settings_hash
        WHERE EXISTS (
            SELECT FROM heartbeat.outbox
            WHERE outbox.channel = known.channel
              AND dead_at IS NULL
              AND kind = ANY ($3)
              AND (
                  known.visible_before IS NULL
                  OR kind NOT IN ('beat', 'absence.ended')
                  OR happened_at < known.visible_before
              )
        )
        AND NOT EXISTS (
            SELECT FROM heartbeat.disabled_channels AS disabled
            WHERE disabled.channel = known.channel AND disabled.settings_hash = known.settings_hash
        )
        "#,
        channels,
        settings_hashes,
        kinds,
        visible_before as _,
    )
    .fetch_all(connection)
    .await
}

/// Takes the lease on `channel` for some seconds, or renews it, if no other `holder` has it, a delivery is due, and
/// the channel is not disabled. Returns how many attempts have failed with these settings since the last that
/// succeeded.
pub async fn claim(
    connection: &mut Connection,
    channel: &str,
    settings_hash: &[u8],
    holder: &str,
    seconds: f64,
) -> Result<Option<i32>, sqlx::Error> {
    sqlx::query_scalar!(
        "
        INSERT INTO heartbeat.dispatch_leases AS lease (channel, settings_hash, holder, held_until)
        SELECT $1, $2, $3, now() + make_interval(secs => $4)
        WHERE NOT EXISTS (
            SELECT FROM heartbeat.disabled_channels WHERE channel = $1 AND settings_hash = $2
        )
        ON CONFLICT (channel) DO UPDATE
        SET holder = excluded.holder,
            held_until = excluded.held_until,
            settings_hash = excluded.settings_hash,
            attempts = CASE WHEN lease.settings_hash = excluded.settings_hash THEN lease.attempts ELSE 0 END,
            due_at = CASE
                WHEN lease.settings_hash = excluded.settings_hash THEN lease.due_at
                ELSE '-infinity'
            END
        WHERE (
            lease.holder = excluded.holder
            OR lease.held_until NOT BETWEEN now() AND now() + interval '2 hours'
        )
        AND (
            lease.settings_hash IS DISTINCT FROM excluded.settings_hash
            OR lease.due_at <= now()
            OR lease.due_at > now() + interval '26 hours'
        )
        RETURNING attempts
        ",
        channel,
        settings_hash,
        holder,
        seconds,
    )
    .fetch_optional(connection)
    .await
}

/// Counts a failed attempt, keeps the reason, and allows the next after some seconds. Returns whether `holder` still had the lease;
/// without it nothing changes.
pub async fn retry_later(
    connection: &mut Connection,
    channel: &str,
    holder: &str,
    seconds: f64,
    reason: &str,
) -> Result<bool, sqlx::Error> {
    let updated = sqlx::query!(
        "
        UPDATE heartbeat.dispatch_leases
        SET attempts = attempts + 1,
            due_at = now() + make_interval(secs => $3),
            failed_at = now(),
            failure = $4
        WHERE channel = $1 AND holder = $2
        ",
        channel,
        holder,
        seconds,
        reason,
    )
    .execute(connection)
    .await?;
    Ok(updated.rows_affected() > 0)
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
