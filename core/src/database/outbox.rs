//! The transactional outbox: events that wait to be delivered. All statements go by the
//! database's clock.
//!
//! Events are delivered in the order of their ids. Those that one process writes get their ids in the order in
//! which they happened. An id is given before its event is committed, so events that several processes write
//! within the time of one commit may be delivered in either order.

use serde_json::Value;
use time::OffsetDateTime;

use super::connection::Connection;
use crate::device::NAME_MAX_CHARS;

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
    /// The firing of an alert that it tells of.
    pub firing: Option<i64>,
    /// Whether an earlier attempt may have delivered it.
    pub was_attempted: bool,
}

/// Returns the first events of these `kinds` that wait for `channel`, at most `limit`; none if it has another address than that of
/// `address_version` by now. With `visible_before`, those that tell when the owner was present wait until that time is later than
/// they are.
pub async fn first(
    connection: &mut Connection,
    channel: &str,
    address_version: i32,
    kinds: &[String],
    visible_before: Option<OffsetDateTime>,
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
            left(device.name, $5) AS device_name,
            COALESCE(device.visibility = 'public' AND device.archived_at IS NULL, false) AS "device_is_public!",
            event.firing,
            event.attempted_at IS NOT NULL AS "was_attempted!"
        FROM heartbeat.outbox AS event
        LEFT JOIN heartbeat.devices AS device ON device.id = CASE
            WHEN event.payload ->> 'device' ~ '^[0-9]{1,18}$' THEN (event.payload ->> 'device')::bigint
        END
        WHERE event.channel = $1
          AND event.dead_at IS NULL
          AND event.kind = ANY ($2)
          AND ($3::timestamptz IS NULL OR event.kind NOT IN ('beat', 'absence.ended') OR event.happened_at < $3)
          AND NOT EXISTS (
              SELECT FROM heartbeat.channels AS stored WHERE 'channel:' || stored.id = $1 AND stored.address_version <> $6
          )
        ORDER BY event.id
        LIMIT $4
        "#,
        channel,
        kinds,
        visible_before,
        limit,
        i32::from(NAME_MAX_CHARS),
        address_version,
    )
    .fetch_all(connection)
    .await
}

/// Notes that an attempt to send these events begins. Returns those that may be sent: others were withdrawn, or an evaluation
/// of alerts has locked them and may withdraw them. It is not waited for, as it may take longer than a delivery has time.
pub async fn attempt(connection: &mut Connection, events: &[i64]) -> Result<Vec<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        "
        UPDATE heartbeat.outbox SET attempted_at = COALESCE(attempted_at, now())
        WHERE id IN (
            SELECT id FROM heartbeat.outbox WHERE id = ANY ($1) AND dead_at IS NULL ORDER BY id FOR UPDATE SKIP LOCKED
        )
        RETURNING id
        ",
        events,
    )
    .fetch_all(connection)
    .await
}

/// Notes that an attempt to send these events, which was the first one, has certainly delivered nothing. So those that
/// are dead letters, and those that newer ones have replaced meanwhile, were never told.
pub async fn forget_attempt(connection: &mut Connection, events: &[i64]) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        WITH there AS (
            UPDATE heartbeat.outbox SET attempted_at = NULL WHERE id = ANY ($1) RETURNING id, dead_at
        )
        UPDATE heartbeat.alert_notifications AS told
        SET failed_at = there.dead_at, withdrawn_at = CASE WHEN there.id IS NULL THEN now() END
        FROM unnest($1) AS attempted (id)
        LEFT JOIN there ON there.id = attempted.id
        WHERE told.event = attempted.id AND told.withdrawn_at IS NULL
        ",
        events,
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Deletes events that were delivered, notes of those about alerts that they were sent, and allows the next delivery after some
/// seconds. Returns whether `holder` still had the lease on the channel; without it nothing changes.
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
            SET attempts = 0, denials = 0, due_at = now() + make_interval(secs => $4), delivered_at = now()
            WHERE channel = $1 AND holder = $2
            RETURNING channel
        ), delivered AS (
            DELETE FROM heartbeat.outbox
            USING lease
            WHERE outbox.channel = lease.channel AND outbox.id = ANY ($3)
        ), told AS (
            UPDATE heartbeat.alert_notifications SET sent_at = now()
            FROM lease
            WHERE event = ANY ($3) AND sent_at IS NULL
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
    reason: &str,
) -> Result<bool, sqlx::Error> {
    let lease = sqlx::query_scalar!(
        "
        WITH lease AS (
            UPDATE heartbeat.dispatch_leases
            SET attempts = 0, denials = 0, failed_at = now(), failure = $4
            WHERE channel = $1 AND holder = $2
            RETURNING channel
        ), dead AS (
            UPDATE heartbeat.outbox
            SET dead_at = now(), failure = $4
            FROM lease
            WHERE outbox.channel = lease.channel AND outbox.id = ANY ($3)
        )
        SELECT channel FROM lease
        ",
        channel,
        holder,
        events,
        reason,
    )
    .fetch_optional(connection)
    .await?;
    Ok(lease.is_some())
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
