//! Export of alerts: channels, alerts, what they told, and what they know of the past.

use tokio::io::AsyncWrite;

use super::{
    DumpError,
    alerts::{Alert, Channel, Firing, Notice, Notification, Period},
    line::{Count, Line},
    writer::Writer,
};
use crate::database::Connection;

/// Writes all of it, and counts it.
pub(super) async fn write(
    connection: &mut Connection,
    writer: &mut Writer<impl AsyncWrite + Unpin>,
    count: &mut Count,
) -> Result<(), DumpError> {
    count.channels = write_all(writer, channels(connection).await?, Line::Channel).await?;
    count.alerts = write_all(writer, alerts(connection).await?, Line::Alert).await?;
    count.firings = write_all(writer, firings(connection).await?, Line::Firing).await?;
    count.notifications = write_all(writer, notifications(connection).await?, Line::Notification).await?;
    count.notices = write_all(writer, notices(connection).await?, Line::Notice).await?;
    count.outages = write_all(writer, outages(connection).await?, Line::Outage).await?;
    count.snoozes = write_all(writer, snoozes(connection).await?, Line::Snooze).await?;
    let evaluated_at = sqlx::query_scalar!(
        r#"
        SELECT evaluated_at AS "evaluated_at!" FROM heartbeat.alert_evaluation
        WHERE evaluated_at BETWEEN 'epoch' AND clock_timestamp() AND EXISTS (SELECT FROM heartbeat.alerts)
        "#
    )
    .fetch_optional(connection)
    .await?;
    match evaluated_at {
        Some(evaluated_at) => writer.write(&Line::Evaluation { evaluated_at }).await,
        None => Ok(()),
    }
}

/// Writes a line for each row, and returns how many there are.
async fn write_all<T>(
    writer: &mut Writer<impl AsyncWrite + Unpin>,
    rows: Vec<T>,
    line: fn(T) -> Line<'static>,
) -> Result<i64, DumpError> {
    let mut count = 0;
    for row in rows {
        writer.write(&line(row)).await?;
        count += 1;
    }
    Ok(count)
}

async fn channels(connection: &mut Connection) -> Result<Vec<Channel>, sqlx::Error> {
    sqlx::query_as!(
        Channel,
        r#"
        SELECT
            id,
            name,
            kind,
            audience,
            settings,
            events,
            GREATEST(LEAST(created_at, clock_timestamp()), 'epoch') AS "created_at!",
            CASE WHEN confirmed_at IS NOT NULL THEN GREATEST(LEAST(confirmed_at, clock_timestamp()), 'epoch') END
                AS confirmed_at,
            start_code,
            address_version,
            CASE WHEN disabled.channel IS NOT NULL THEN
                GREATEST(LEAST(disabled.disabled_at, clock_timestamp()), 'epoch')
            END AS disabled_at,
            disabled.reason AS "disabled_reason?",
            encode(disabled.settings_hash, 'hex') AS disabled_settings_hash
        FROM heartbeat.channels
        LEFT JOIN heartbeat.disabled_channels AS disabled ON disabled.channel = 'channel:' || channels.id
        ORDER BY id
        "#
    )
    .fetch_all(connection)
    .await
}

async fn alerts(connection: &mut Connection) -> Result<Vec<Alert>, sqlx::Error> {
    sqlx::query_as!(
        Alert,
        r#"
        SELECT
            id, name, after_seconds, device, channels, repeat_seconds, rest, quiet, message, enabled,
            GREATEST(LEAST(created_at, clock_timestamp()), 'epoch') AS "created_at!"
        FROM heartbeat.alerts
        ORDER BY id
        "#
    )
    .fetch_all(connection)
    .await
}

/// Reads the firings of times that are believed.
async fn firings(connection: &mut Connection) -> Result<Vec<Firing>, sqlx::Error> {
    sqlx::query_as!(
        Firing,
        "
        SELECT
            id, alert, name, device, since, fired_at, repetitions, repeated_at, ended_at, ended_by, minutes, last_minute,
            reached_at, reached_by, resolved_at
        FROM heartbeat.alert_firings
        WHERE since >= 'epoch'
          AND GREATEST(since, fired_at, repeated_at, ended_at, last_minute, reached_at, resolved_at) <= clock_timestamp()
        ORDER BY id
        "
    )
    .fetch_all(connection)
    .await
}

/// Reads what was told: what still waited to be sent is decided again.
async fn notifications(connection: &mut Connection) -> Result<Vec<Notification>, sqlx::Error> {
    sqlx::query_as!(
        Notification,
        "
        SELECT
            told.firing, told.channel, told.kind, told.repetition, told.earlier, told.queued_at, told.sent_at, told.withdrawn_at
        FROM heartbeat.alert_notifications AS told
        JOIN heartbeat.alert_firings AS firing ON firing.id = told.firing
        WHERE (told.sent_at IS NOT NULL OR told.withdrawn_at IS NOT NULL)
          AND GREATEST(told.queued_at, told.sent_at, told.withdrawn_at) <= clock_timestamp()
          AND firing.since >= 'epoch'
          AND GREATEST(
              firing.since, firing.fired_at, firing.repeated_at, firing.ended_at, firing.last_minute, firing.reached_at,
              firing.resolved_at
          ) <= clock_timestamp()
        ORDER BY told.firing, told.queued_at, told.channel, told.kind, told.repetition
        "
    )
    .fetch_all(connection)
    .await
}

async fn notices(connection: &mut Connection) -> Result<Vec<Notice>, sqlx::Error> {
    sqlx::query_as!(
        Notice,
        "
        SELECT device, kind, since FROM heartbeat.device_notices
        WHERE since BETWEEN 'epoch' AND clock_timestamp()
        ORDER BY device, kind
        "
    )
    .fetch_all(connection)
    .await
}

async fn outages(connection: &mut Connection) -> Result<Vec<Period>, sqlx::Error> {
    sqlx::query_as!(
        Period,
        "
        SELECT started_at, ended_at FROM heartbeat.outages
        WHERE started_at >= 'epoch' AND ended_at BETWEEN started_at AND clock_timestamp()
        ORDER BY started_at
        "
    )
    .fetch_all(connection)
    .await
}

async fn snoozes(connection: &mut Connection) -> Result<Vec<Period>, sqlx::Error> {
    sqlx::query_as!(
        Period,
        r#"
        SELECT started_at, LEAST(ended_at, '9999-12-31') AS "ended_at!" FROM heartbeat.snoozes
        WHERE started_at BETWEEN 'epoch' AND clock_timestamp() AND ended_at >= started_at
        ORDER BY started_at
        "#
    )
    .fetch_all(connection)
    .await
}
