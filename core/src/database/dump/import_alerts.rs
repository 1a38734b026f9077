//! Import of alerts: channels, alerts, what they told, and what they know of the past.

use serde_json::Value;
use time::OffsetDateTime;

use super::{
    alerts::{Alert, Channel, Firing, Notice, Notification, Period},
    check::{self, Checked, Ids},
    line::{Count, Line},
};
use crate::{
    alert::{AlertMessage, Window},
    channel::{Audience, key},
    database::Connection,
    device::{DeviceName, ID_MAX},
};

/// Result of a line: what is wrong with it, or what the database says.
type Added = Checked<Result<(), sqlx::Error>>;

/// Event of what an older database has told: there is none with this id.
const NO_EVENT: i64 = 0;

/// Inserts the row of a line, and counts it.
pub(super) async fn insert(
    connection: &mut Connection,
    ids: &mut Ids,
    count: &mut Count,
    line: Line<'_>,
    now: OffsetDateTime,
) -> Added {
    match line {
        Line::Channel(row) => {
            count.channels += 1;
            channel(connection, row, now).await
        }
        Line::Alert(row) => {
            count.alerts += 1;
            alert(connection, ids, row, now).await
        }
        Line::Firing(row) => {
            count.firings += 1;
            firing(connection, ids, row, now).await
        }
        Line::Notification(row) => {
            count.notifications += 1;
            notification(connection, row, now).await
        }
        Line::Notice(row) => {
            count.notices += 1;
            notice(connection, ids, row, now).await
        }
        Line::Outage(row) => {
            count.outages += 1;
            outage(connection, row, now).await
        }
        Line::Snooze(row) => {
            count.snoozes += 1;
            snooze(connection, row, now).await
        }
        Line::Evaluation { evaluated_at } => evaluation(connection, evaluated_at, now).await,
        _ => Ok(Ok(())),
    }
}

async fn channel(connection: &mut Connection, channel: Channel, now: OffsetDateTime) -> Added {
    id("channel", channel.id)?;
    name(&channel.name)?;
    check::time("created_at", channel.created_at, now)?;
    past(&[("confirmed_at", channel.confirmed_at), ("disabled_at", channel.disabled_at)], now)?;
    Audience::parse(&channel.audience).ok_or("audience: expected owner or friend")?;
    if !matches!(channel.settings, Value::Object(_)) {
        return Err("settings: expected an object".to_owned());
    }
    let inserted = sqlx::query!(
        "
        INSERT INTO heartbeat.channels
            (id, name, kind, audience, settings, events, created_at, confirmed_at, start_code, address_version)
        OVERRIDING SYSTEM VALUE
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ",
        channel.id,
        channel.name,
        channel.kind,
        channel.audience,
        channel.settings,
        &channel.events,
        channel.created_at,
        channel.confirmed_at,
        channel.start_code,
        channel.address_version,
    )
    .execute(&mut *connection)
    .await;
    let Some(disabled_at) = channel.disabled_at else { return Ok(inserted.map(drop)) };
    let disabled = sqlx::query!(
        "
        INSERT INTO heartbeat.disabled_channels (channel, settings_hash, disabled_at, reason)
        VALUES ($1, decode($2, 'hex'), $3, $4)
        ",
        key(channel.id),
        channel.disabled_settings_hash,
        disabled_at,
        channel.disabled_reason,
    );
    Ok(match inserted {
        Ok(_) => disabled.execute(connection).await.map(drop),
        Err(error) => Err(error),
    })
}

async fn alert(connection: &mut Connection, ids: &mut Ids, alert: Alert, now: OffsetDateTime) -> Added {
    id("alert", alert.id)?;
    name(&alert.name)?;
    check::time("created_at", alert.created_at, now)?;
    for window in [&alert.rest, &alert.quiet].into_iter().flatten() {
        Window::parse(window).map_err(|expected| format!("window: expected {expected}"))?;
    }
    if let Some(message) = &alert.message {
        AlertMessage::parse(message).map_err(|expected| format!("message: expected {expected}"))?;
    }
    let device = alert.device.map(|device| ids.resolve(device)).transpose()?;
    let inserted = sqlx::query!(
        "
        INSERT INTO heartbeat.alerts
            (id, name, after_seconds, device, channels, repeat_seconds, rest, quiet, message, enabled, created_at)
        OVERRIDING SYSTEM VALUE
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ",
        alert.id,
        alert.name,
        alert.after_seconds,
        device,
        &alert.channels,
        alert.repeat_seconds,
        alert.rest,
        alert.quiet,
        alert.message,
        alert.enabled,
        alert.created_at,
    );
    Ok(inserted.execute(connection).await.map(drop))
}

async fn firing(connection: &mut Connection, ids: &mut Ids, firing: Firing, now: OffsetDateTime) -> Added {
    id("firing", firing.id)?;
    let times = [
        ("since", Some(firing.since)),
        ("fired_at", Some(firing.fired_at)),
        ("repeated_at", firing.repeated_at),
        ("ended_at", firing.ended_at),
        ("last_minute", firing.last_minute),
        ("reached_at", firing.reached_at),
        ("resolved_at", firing.resolved_at),
    ];
    past(&times, now)?;
    let device = firing.device.map(|device| ids.resolve(device)).transpose()?;
    let inserted = sqlx::query!(
        "
        INSERT INTO heartbeat.alert_firings (
            id, alert, name, device, since, fired_at, repetitions, repeated_at, ended_at, ended_by, minutes, last_minute,
            reached_at, reached_by, resolved_at
        )
        OVERRIDING SYSTEM VALUE
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        ",
        firing.id,
        firing.alert,
        firing.name,
        device,
        firing.since,
        firing.fired_at,
        firing.repetitions,
        firing.repeated_at,
        firing.ended_at,
        firing.ended_by,
        firing.minutes,
        firing.last_minute,
        firing.reached_at,
        firing.reached_by,
        firing.resolved_at,
    );
    Ok(inserted.execute(connection).await.map(drop))
}

async fn notification(connection: &mut Connection, notification: Notification, now: OffsetDateTime) -> Added {
    let times = [
        ("queued_at", Some(notification.queued_at)),
        ("sent_at", notification.sent_at),
        ("withdrawn_at", notification.withdrawn_at),
    ];
    past(&times, now)?;
    let inserted = sqlx::query!(
        "
        INSERT INTO heartbeat.alert_notifications
            (firing, channel, kind, repetition, earlier, event, queued_at, sent_at, withdrawn_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ",
        notification.firing,
        notification.channel,
        notification.kind,
        notification.repetition,
        notification.earlier,
        NO_EVENT,
        notification.queued_at,
        notification.sent_at,
        notification.withdrawn_at,
    );
    Ok(inserted.execute(connection).await.map(drop))
}

async fn notice(connection: &mut Connection, ids: &mut Ids, notice: Notice, now: OffsetDateTime) -> Added {
    check::time("since", notice.since, now)?;
    let inserted = sqlx::query!(
        "INSERT INTO heartbeat.device_notices (device, kind, since) VALUES ($1, $2, $3)",
        ids.resolve(notice.device)?,
        notice.kind,
        notice.since,
    );
    Ok(inserted.execute(connection).await.map(drop))
}

async fn outage(connection: &mut Connection, outage: Period, now: OffsetDateTime) -> Added {
    check::time("ended_at", outage.ended_at, now)?;
    check::time("started_at", outage.started_at, outage.ended_at)?;
    let inserted = sqlx::query!(
        "INSERT INTO heartbeat.outages (started_at, ended_at) VALUES ($1, $2)",
        outage.started_at,
        outage.ended_at,
    );
    Ok(inserted.execute(connection).await.map(drop))
}

async fn snooze(connection: &mut Connection, snooze: Period, now: OffsetDateTime) -> Added {
    check::time("started_at", snooze.started_at, now.min(snooze.ended_at))?;
    let inserted = sqlx::query!(
        "INSERT INTO heartbeat.snoozes (started_at, ended_at) VALUES ($1, $2)",
        snooze.started_at,
        snooze.ended_at,
    );
    Ok(inserted.execute(connection).await.map(drop))
}

/// Sets when alerts were last evaluated, so that the time until they are evaluated here is an outage.
async fn evaluation(connection: &mut Connection, evaluated_at: OffsetDateTime, now: OffsetDateTime) -> Added {
    check::time("evaluated_at", evaluated_at, now)?;
    let updated = sqlx::query!("UPDATE heartbeat.alert_evaluation SET evaluated_at = $1", evaluated_at);
    Ok(updated.execute(connection).await.map(drop))
}

/// Forgets what a server has written into the empty database, before anything is inserted.
pub(super) async fn clear(connection: &mut Connection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        WITH outage AS (DELETE FROM heartbeat.outages),
        snooze AS (DELETE FROM heartbeat.snoozes),
        firing AS (DELETE FROM heartbeat.alert_firings)
        UPDATE heartbeat.alert_evaluation SET evaluated_at = NULL
        "
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Has ids of new rows continue after those that were inserted.
pub(super) async fn continue_ids(connection: &mut Connection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        SELECT
            setval(pg_get_serial_sequence('heartbeat.channels', 'id'), GREATEST((SELECT max(id) FROM heartbeat.channels), 0) + 1, false) AS "channel!",
            setval(pg_get_serial_sequence('heartbeat.alerts', 'id'), GREATEST(
                (SELECT max(id) FROM heartbeat.alerts), (SELECT max(alert) FROM heartbeat.alert_firings), 0
            ) + 1, false) AS "alert!",
            setval(pg_get_serial_sequence('heartbeat.alert_firings', 'id'), GREATEST((SELECT max(id) FROM heartbeat.alert_firings), 0) + 1, false) AS "firing!"
        "#
    )
    .fetch_one(connection)
    .await
    .map(drop)
}

/// Checks an id of a channel, an alert or a firing.
fn id(of: &str, id: i64) -> Checked<()> {
    if (1..ID_MAX).contains(&id) { Ok(()) } else { Err(format!("{of} id {id}: expected a number from 1")) }
}

/// Checks the name of a channel or an alert.
fn name(name: &str) -> Checked<()> {
    DeviceName::parse(name).map(drop).map_err(|error| format!("name: {error}"))
}

/// Checks times of the past.
fn past(times: &[(&str, Option<OffsetDateTime>)], now: OffsetDateTime) -> Checked<()> {
    for (name, time) in times {
        if let Some(time) = time {
            check::time(name, *time, now)?;
        }
    }
    Ok(())
}
