//! The transactional outbox: events that wait to be delivered, and which dispatcher delivers them. All
//! statements go by the database's clock.

use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// An event in the outbox, of a kind that the caller knows.
#[derive(Debug)]
pub struct Row {
    /// Later events have higher ids.
    pub id: i64,
    /// Kind of event.
    pub kind: String,
    /// Time of the event.
    pub happened_at: OffsetDateTime,
    /// Details, by kind.
    pub payload: Value,
    /// Name of the device that the payload names, if it has one.
    pub device_name: Option<String>,
}

/// A channel that events wait for.
#[derive(Debug)]
pub struct Due {
    /// The channel's key.
    pub channel: String,
    /// Seconds until its next delivery may be attempted.
    pub seconds: f64,
}

/// Returns those of the `channels` that events of these `kinds` wait for.
pub async fn due(
    connection: &mut PgConnection,
    channels: &[String],
    kinds: &[String],
) -> Result<Vec<Due>, sqlx::Error> {
    sqlx::query_as!(
        Due,
        r#"
        SELECT
            known.channel AS "channel!",
            coalesce(
                GREATEST(
                    extract(epoch FROM GREATEST(lease.due_at, lease.held_until) - clock_timestamp()),
                    0
                ),
                0
            )::float8 AS "seconds!"
        FROM unnest($1::text[]) AS known (channel)
        LEFT JOIN heartbeat.dispatch_leases AS lease ON lease.channel = known.channel
        WHERE EXISTS (
            SELECT FROM heartbeat.outbox
            WHERE outbox.channel = known.channel AND dead_at IS NULL AND kind = ANY ($2)
        )
        "#,
        channels,
        kinds,
    )
    .fetch_all(connection)
    .await
}

/// Takes the lease on `channel` for some seconds, or renews it, if no other `holder` has it and a delivery is
/// due. Returns how many attempts have failed since the last that succeeded.
pub async fn claim(
    connection: &mut PgConnection,
    channel: &str,
    holder: &str,
    seconds: f64,
) -> Result<Option<i32>, sqlx::Error> {
    sqlx::query_scalar!(
        "
        INSERT INTO heartbeat.dispatch_leases AS lease (channel, holder, held_until)
        VALUES ($1, $2, now() + make_interval(secs => $3))
        ON CONFLICT (channel) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
        WHERE (lease.holder = $2 OR lease.held_until <= now()) AND lease.due_at <= now()
        RETURNING attempts
        ",
        channel,
        holder,
        seconds,
    )
    .fetch_optional(connection)
    .await
}

/// Returns the first events of these `kinds` that wait for `channel`, at most `limit`.
pub async fn first(
    connection: &mut PgConnection,
    channel: &str,
    kinds: &[String],
    limit: i64,
) -> Result<Vec<Row>, sqlx::Error> {
    sqlx::query_as!(
        Row,
        r#"
        SELECT event.id, event.kind, event.happened_at, event.payload, device.name AS "device_name?"
        FROM heartbeat.outbox AS event
        LEFT JOIN heartbeat.devices AS device ON device.id = (event.payload ->> 'device')::bigint
        WHERE event.channel = $1 AND event.dead_at IS NULL AND event.kind = ANY ($2)
        ORDER BY event.id
        LIMIT $3
        "#,
        channel,
        kinds,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// Deletes events that were delivered, and allows the next delivery after some seconds.
pub async fn ack(
    connection: &mut PgConnection,
    channel: &str,
    events: &[i64],
    seconds: f64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        WITH delivered AS (DELETE FROM heartbeat.outbox WHERE id = ANY ($2))
        UPDATE heartbeat.dispatch_leases
        SET attempts = 0, due_at = now() + make_interval(secs => $3)
        WHERE channel = $1
        ",
        channel,
        events,
        seconds,
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Dead-letters events that the channel will never take, and allows the next delivery after some seconds.
pub async fn dead_letter(
    connection: &mut PgConnection,
    channel: &str,
    events: &[i64],
    seconds: f64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        WITH dead AS (UPDATE heartbeat.outbox SET dead_at = now() WHERE id = ANY ($2))
        UPDATE heartbeat.dispatch_leases
        SET attempts = 0, due_at = now() + make_interval(secs => $3)
        WHERE channel = $1
        ",
        channel,
        events,
        seconds,
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Counts a failed attempt, allows the next after some seconds, and dead-letters events that are older than
/// `max_age` seconds. Returns how many those were.
pub async fn retry_later(
    connection: &mut PgConnection,
    channel: &str,
    seconds: f64,
    max_age: f64,
) -> Result<u64, sqlx::Error> {
    sqlx::query!(
        "
        UPDATE heartbeat.dispatch_leases
        SET attempts = attempts + 1, due_at = now() + make_interval(secs => $2)
        WHERE channel = $1
        ",
        channel,
        seconds,
    )
    .execute(&mut *connection)
    .await?;
    let dead = sqlx::query!(
        "
        UPDATE heartbeat.outbox
        SET dead_at = now()
        WHERE channel = $1 AND dead_at IS NULL AND happened_at < now() - make_interval(secs => $2)
        ",
        channel,
        max_age,
    )
    .execute(connection)
    .await?;
    Ok(dead.rows_affected())
}

/// Gives the lease on `channel` back.
pub async fn release(connection: &mut PgConnection, channel: &str, holder: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE heartbeat.dispatch_leases SET held_until = '-infinity' WHERE channel = $1 AND holder = $2",
        channel,
        holder,
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Deletes events that were dead-lettered before `dead_before`, and waiting ones from before `abandoned_before`
/// whose channel exists no more: it is neither in `configured` nor in the database. Returns how many those were.
pub async fn expire(
    connection: &mut PgConnection,
    configured: &[String],
    dead_before: OffsetDateTime,
    abandoned_before: OffsetDateTime,
) -> Result<u64, sqlx::Error> {
    let expired = sqlx::query!(
        "
        DELETE FROM heartbeat.outbox
        WHERE dead_at < $2
           OR dead_at IS NULL
              AND happened_at < $3
              AND channel <> ALL ($1)
              AND channel NOT IN (SELECT 'channel:' || id FROM heartbeat.channels)
        ",
        configured,
        dead_before,
        abandoned_before,
    )
    .execute(connection)
    .await?;
    Ok(expired.rows_affected())
}

/// Moves events that a program of release 0.1 left in its own outbox, for its one channel, into ours as events
/// for `channel`. The lease of that release is respected: while one of its programs delivers, nothing moves.
/// Returns how many were moved.
pub async fn adopt(connection: &mut PgConnection, channel: &str) -> Result<u64, sqlx::Error> {
    let adopted = sqlx::query!(
        "
        WITH lease AS (
            SELECT name FROM heartbeat.receivers WHERE name = 'discord' AND held_until <= now() FOR UPDATE
        ), taken AS (
            DELETE FROM heartbeat.events
            WHERE receiver IN (SELECT name FROM lease)
            RETURNING id, kind, device, happened_at, since
        )
        INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload)
        SELECT
            $1,
            CASE kind
                WHEN 'device_added' THEN 'device.added'
                WHEN 'absence_ended' THEN 'absence.ended'
                ELSE kind
            END,
            happened_at,
            jsonb_strip_nulls(jsonb_build_object('device', device, 'started_at', since))
        FROM taken
        ORDER BY id
        ",
        channel,
    )
    .execute(connection)
    .await?;
    Ok(adopted.rows_affected())
}
