//! Telling the owner by other channels that nothing arrives through one. All statements go by the database's clock.

use serde_json::Value;
use time::OffsetDateTime;

use super::connection::Connection;
use crate::{
    channel::{self, CONFIGURED_NAME},
    notify::event::FailingChannel,
};

/// Seconds after which an alert that could not be sent is told of.
const LATE_SECONDS: f64 = 600.0;

/// Tells the owner's other channels that can be sent to of these. `configured` are the keys of the channels that the configuration
/// names, which are the owner's.
pub async fn tell(
    connection: &mut Connection,
    failing: &[FailingChannel],
    configured: &[String],
) -> Result<(), sqlx::Error> {
    let keys: Vec<String> = failing.iter().map(|it| channel::key(it.channel)).collect();
    let payloads: Vec<Value> = failing.iter().filter_map(|it| serde_json::to_value(it).ok()).collect();
    sqlx::query!(
        "
        INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload)
        SELECT other.channel, 'channel.failing', now(), failing.payload
        FROM unnest($1::text[], $2::jsonb[]) AS failing (channel, payload)
        CROSS JOIN (
            SELECT 'channel:' || id FROM heartbeat.channels WHERE audience = 'owner' AND start_code IS NULL
            UNION ALL
            SELECT unnest($3::text[])
        ) AS other (channel)
        WHERE other.channel <> failing.channel
          AND NOT EXISTS (
              SELECT FROM heartbeat.disabled_channels AS disabled
              JOIN heartbeat.dispatch_leases AS lease USING (channel, settings_hash)
              WHERE disabled.channel = other.channel
          )
        ",
        &keys,
        &payloads,
        configured,
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Notes that the owner is told that these events could not be sent. Returns the names of the alerts that they are about, of which
/// nothing was told before about the same firing and channel.
pub async fn report(connection: &mut Connection, events: &[i64]) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "
        UPDATE heartbeat.alert_notifications AS told
        SET reported_at = now()
        FROM heartbeat.alert_firings AS firing
        WHERE told.event = ANY ($1) AND firing.id = told.firing
          AND NOT EXISTS (
              SELECT FROM heartbeat.alert_notifications AS earlier
              WHERE earlier.firing = told.firing
                AND earlier.channel = told.channel
                AND earlier.reported_at IS NOT NULL
          )
        RETURNING firing.name
        ",
        events,
    )
    .fetch_all(connection)
    .await
}

/// Notes of each alert and channel through which nothing of it could be sent for ten minutes at `now`, by that clock and the
/// database's, that the owner is told of it. Returns those of which nothing was told before. An event that waits for a channel of which no
/// attempt failed will be sent soon.
pub async fn report_late(
    connection: &mut Connection,
    now: OffsetDateTime,
) -> Result<Vec<FailingChannel>, sqlx::Error> {
    let late = sqlx::query!(
        r#"
        UPDATE heartbeat.alert_notifications AS told
        SET reported_at = now()
        FROM heartbeat.outbox AS event
        JOIN heartbeat.alert_firings AS firing ON firing.id = event.firing
        LEFT JOIN heartbeat.channels AS stored ON event.channel = 'channel:' || stored.id
        LEFT JOIN heartbeat.dispatch_leases AS lease ON lease.channel = event.channel
        LEFT JOIN heartbeat.disabled_channels AS disabled
            ON disabled.channel = event.channel
            AND (lease.channel IS NULL OR disabled.settings_hash = lease.settings_hash)
        WHERE event.firing IS NOT NULL
          AND event.dead_at IS NULL
          AND event.queued_at < LEAST($1, now()) - make_interval(secs => $2)
          AND (
              lease.channel IS NULL OR lease.attempts > 0 OR disabled.channel IS NOT NULL
              -- Its chat is not known any more.
              OR stored.start_code IS NOT NULL
          )
          AND told.event = event.id
          -- Looked at again by a process that waited for another one to report the same.
          AND told.reported_at IS NULL
          AND NOT EXISTS (
              SELECT FROM heartbeat.alert_notifications AS earlier
              WHERE earlier.firing = told.firing
                AND earlier.channel = told.channel
                AND earlier.reported_at IS NOT NULL
          )
        RETURNING
            told.channel,
            stored.name AS "name?",
            COALESCE(disabled.reason, lease.failure, 'it waits for ten minutes') AS "reason!",
            disabled.channel IS NOT NULL AS "disabled!",
            firing.name AS alert_name
        "#,
        now,
        LATE_SECONDS,
    )
    .fetch_all(connection)
    .await?;
    let failing = late.into_iter().map(|row| FailingChannel {
        channel: row.channel,
        name: row.name.unwrap_or_else(|| CONFIGURED_NAME.to_owned()),
        reason: row.reason,
        disabled: row.disabled,
        alert_name: Some(row.alert_name),
    });
    Ok(failing.collect())
}
