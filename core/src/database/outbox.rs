//! The transactional outbox: events that wait to be delivered, and dead letters. All statements go by the
//! database's clock.
//!
//! Events are delivered in the order of their ids. Those that one process writes get their ids in the order in
//! which they happened. An id is given before its event is committed, so events that several processes write
//! within the time of one commit may be delivered in either order.

use serde_json::Value;
use time::OffsetDateTime;

use super::connection::Connection;

/// An event in the outbox, of a kind that the caller knows.
#[derive(Debug)]
pub struct Row {
    /// Later events have higher ids.
    pub id: i64,
    /// Kind of event.
    pub kind: String,
    /// Time of the event, if it is one that a calendar has.
    pub happened_at: Option<OffsetDateTime>,
    /// Details, by kind.
    pub payload: Value,
    /// Name of the device that the payload names, if it has one.
    pub device_name: Option<String>,
    /// Whether strangers may see that device.
    pub device_is_public: bool,
}

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

/// Returns the first events of these `kinds` that wait for `channel`, at most `limit`.
pub async fn first(
    connection: &mut Connection,
    channel: &str,
    kinds: &[String],
    limit: i64,
) -> Result<Vec<Row>, sqlx::Error> {
    sqlx::query_as!(
        Row,
        r#"
        SELECT
            event.id,
            event.kind,
            CASE WHEN event.happened_at BETWEEN '0001-01-01' AND '9999-12-31' THEN event.happened_at END
                AS happened_at,
            event.payload,
            device.name AS "device_name?",
            COALESCE(device.visibility = 'public' AND device.archived_at IS NULL, false) AS "device_is_public!"
        FROM heartbeat.outbox AS event
        LEFT JOIN heartbeat.devices AS device ON device.id = CASE
            WHEN event.payload ->> 'device' ~ '^[0-9]{1,18}$' THEN (event.payload ->> 'device')::bigint
        END
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

/// Deletes events that were delivered, and allows the next delivery after some seconds. Returns whether `holder`
/// still had the lease on the channel; without it nothing changes.
pub async fn ack(
    connection: &mut Connection,
    channel: &str,
    holder: &str,
    events: &[i64],
    seconds: f64,
) -> Result<bool, sqlx::Error> {
    let lease = sqlx::query_scalar!(
        "
        WITH lease AS (
            UPDATE heartbeat.dispatch_leases
            SET attempts = 0, due_at = now() + make_interval(secs => $4)
            WHERE channel = $1 AND holder = $2
            RETURNING channel
        ), delivered AS (
            DELETE FROM heartbeat.outbox
            USING lease
            WHERE outbox.channel = lease.channel AND outbox.id = ANY ($3)
        )
        SELECT channel FROM lease
        ",
        channel,
        holder,
        events,
        seconds,
    )
    .fetch_optional(connection)
    .await?;
    Ok(lease.is_some())
}

/// Dead-letters events that the channel will never take. Returns whether `holder` still had the lease on the
/// channel; without it nothing changes.
pub async fn dead_letter(
    connection: &mut Connection,
    channel: &str,
    holder: &str,
    events: &[i64],
) -> Result<bool, sqlx::Error> {
    let lease = sqlx::query_scalar!(
        "
        WITH lease AS (
            UPDATE heartbeat.dispatch_leases
            SET attempts = 0
            WHERE channel = $1 AND holder = $2
            RETURNING channel
        ), dead AS (
            UPDATE heartbeat.outbox
            SET dead_at = now()
            FROM lease
            WHERE outbox.channel = lease.channel AND outbox.id = ANY ($3)
        )
        SELECT channel FROM lease
        ",
        channel,
        holder,
        events,
    )
    .fetch_optional(connection)
    .await?;
    Ok(lease.is_some())
}

/// Events that are too old to wait any longer, for any channel.
#[derive(Debug, Clone, Copy)]
pub struct TooOld {
    /// Whether this is about the kinds of events that the program knows, or about all others.
    pub known_kinds: bool,
    /// The age in seconds, counted from when the event happened or was written, whichever is earlier.
    pub max_age: f64,
    /// Seconds after which an event that is too old takes along those of its channel that just got too old: they
    /// are a few at a time, and one line in the log.
    pub margin: f64,
}

/// Dead-letters events that are too old at `now`, by that clock and the database's.
pub async fn dead_letter_old(
    connection: &mut Connection,
    now: OffsetDateTime,
    kinds: &[String],
    too_old: TooOld,
) -> Result<Vec<DeadLettered>, sqlx::Error> {
    sqlx::query_as!(
        DeadLettered,
        r#"
        WITH old AS MATERIALIZED (
            SELECT id, channel, LEAST(queued_at, happened_at) AS since
            FROM heartbeat.outbox
            WHERE dead_at IS NULL
              AND LEAST(queued_at, happened_at) < LEAST($1, now()) - make_interval(secs => $4)
              AND (kind = ANY ($2)) = $3
            ORDER BY LEAST(queued_at, happened_at)
            LIMIT $6
        ), dead AS (
            UPDATE heartbeat.outbox
            SET dead_at = now()
            WHERE dead_at IS NULL
              AND id IN (
                  SELECT id FROM old WHERE channel IN (
                      SELECT channel
                      FROM old
                      WHERE since < LEAST($1, now()) - make_interval(secs => $4) - make_interval(secs => $5)
                  )
              )
            RETURNING channel
        )
        SELECT channel, count(*) AS "events!" FROM dead GROUP BY channel ORDER BY channel
        "#,
        now,
        kinds,
        too_old.known_kinds,
        too_old.max_age,
        too_old.margin,
        JOB_ROWS_MAX,
    )
    .fetch_all(connection)
    .await
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

/// Moves events that a program of release 0.1 left in its own outbox, for its one channel, into ours as events
/// for `channel`. The lease of that release is respected: while one of its programs delivers, nothing moves. Only
/// its deliveries make the row of that lease: here it is made if need be, since a row is what can be locked.
/// Returns how many were moved.
pub async fn adopt(connection: &mut Connection, channel: &str) -> Result<u64, sqlx::Error> {
    let adopted = sqlx::query!(
        "
        WITH lease AS (
            INSERT INTO heartbeat.receivers AS receiver (name)
            SELECT 'discord' WHERE EXISTS (SELECT FROM heartbeat.events WHERE receiver = 'discord')
            ON CONFLICT (name) DO UPDATE SET name = excluded.name WHERE receiver.held_until <= now()
            RETURNING name
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
