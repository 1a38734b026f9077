//! Firings, and what they told.

use serde_json::Value;
use time::OffsetDateTime;

use super::connection::Connection;
use crate::{
    alert::{
        ToldKind,
        firing::{Ended, Firing, Note, Reached},
    },
    channel,
    notify::event::EndedBy,
};

/// A row of firings as the statements answer it.
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) alert: i64,
    pub(super) name: String,
    pub(super) device: Option<i64>,
    pub(super) since: OffsetDateTime,
    pub(super) fired_at: OffsetDateTime,
    pub(super) repetitions: i32,
    pub(super) repeated_at: Option<OffsetDateTime>,
    pub(super) ended_at: Option<OffsetDateTime>,
    pub(super) ended_by: Option<String>,
    pub(super) minutes: i16,
    pub(super) last_minute: Option<OffsetDateTime>,
    pub(super) reached_at: Option<OffsetDateTime>,
    pub(super) reached_by: Option<i64>,
    pub(super) resolved_at: Option<OffsetDateTime>,
}

impl From<Row> for Firing {
    fn from(row: Row) -> Self {
        let by = row.ended_by.as_deref().and_then(EndedBy::parse).unwrap_or(EndedBy::Beat);
        Self {
            id: Some(row.id),
            alert: row.alert,
            name: row.name,
            device: row.device,
            since: row.since,
            fired_at: row.fired_at,
            repetitions: u32::try_from(row.repetitions).unwrap_or_default(),
            repeated_at: row.repeated_at,
            ended: row.ended_at.map(|at| Ended { at, by }),
            minutes: row.minutes,
            last_minute: row.last_minute,
            reached: row.reached_at.zip(row.reached_by).map(|(at, by)| Reached { at, by }),
            resolved_at: row.resolved_at,
            told: Vec::new(),
        }
    }
}

/// Returns the firings of which something may be left to tell, and the last one of each alert, without what they told.
pub async fn relevant(connection: &mut Connection) -> Result<Vec<Firing>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "
        SELECT
            id, alert, name, device, since, fired_at, repetitions, repeated_at, ended_at, ended_by, minutes, last_minute,
            reached_at, reached_by, resolved_at
        FROM heartbeat.alert_firings
        WHERE id IN (
            SELECT id FROM heartbeat.alert_firings WHERE resolved_at IS NULL
            UNION ALL
            SELECT last.id
            FROM heartbeat.alerts AS alert
            CROSS JOIN LATERAL (
                SELECT firing.id
                FROM heartbeat.alert_firings AS firing
                WHERE firing.alert = alert.id AND COALESCE(firing.device, -1) = COALESCE(alert.device, -1)
                ORDER BY firing.since DESC
                LIMIT 1
            ) AS last
        )
        ORDER BY id
        "
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Firing::from).collect())
}

/// Locks the events of firings that no attempt was made to send, so that none is made before the transaction ends, and
/// returns their ids. Those that a dispatcher has locked are left out: it is about to send them. Neither waits for the other, as
/// [`outbox::attempt`](super::outbox::attempt) leaves out what is locked here.
pub async fn lock_waiting(connection: &mut Connection, firings: &[i64]) -> Result<Vec<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        "
        SELECT id
        FROM heartbeat.outbox
        WHERE firing = ANY ($1) AND attempted_at IS NULL AND dead_at IS NULL
        ORDER BY id
        FOR UPDATE SKIP LOCKED
        ",
        firings,
    )
    .fetch_all(connection)
    .await
}

/// Returns what firings told, with their ids, in the order in which it was.
pub async fn notes(connection: &mut Connection, firings: &[i64]) -> Result<Vec<(i64, Note)>, sqlx::Error> {
    let rows = sqlx::query!(
        "
        SELECT firing, channel, kind, repetition, earlier, event, queued_at, sent_at, withdrawn_at, failed_at
        FROM heartbeat.alert_notifications
        WHERE firing = ANY ($1)
        ORDER BY queued_at, event
        ",
        firings,
    )
    .fetch_all(connection)
    .await?;
    let notes = rows.into_iter().filter_map(|row| {
        let note = Note {
            channel: row.channel,
            kind: ToldKind::stored(&row.kind, row.repetition)?,
            earlier: u32::try_from(row.earlier).unwrap_or_default(),
            event: row.event,
            queued_at: row.queued_at,
            sent_at: row.sent_at,
            withdrawn_at: row.withdrawn_at,
            failed_at: row.failed_at,
            is_waiting: false,
        };
        Some((row.firing, note))
    });
    Ok(notes.collect())
}

/// Adds firings, and returns their ids, in the same order; `None` where the alert fired for that absence before.
pub async fn add(connection: &mut Connection, firings: &[&Firing]) -> Result<Vec<Option<i64>>, sqlx::Error> {
    let alerts: Vec<i64> = firings.iter().map(|firing| firing.alert).collect();
    let names: Vec<String> = firings.iter().map(|firing| firing.name.clone()).collect();
    let devices: Vec<Option<i64>> = firings.iter().map(|firing| firing.device).collect();
    let since: Vec<OffsetDateTime> = firings.iter().map(|firing| firing.since).collect();
    let fired_at: Vec<OffsetDateTime> = firings.iter().map(|firing| firing.fired_at).collect();
    let added = sqlx::query!(
        "
        INSERT INTO heartbeat.alert_firings (alert, name, device, since, fired_at)
        SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::timestamptz[], $5::timestamptz[])
        ON CONFLICT DO NOTHING
        RETURNING id, alert, device
        ",
        &alerts,
        &names,
        &devices as _,
        &since,
        &fired_at,
    )
    .fetch_all(connection)
    .await?;
    let id = |firing: &&Firing| {
        let row = added.iter().find(|row| firing.is_of(row.alert, row.device));
        row.map(|row| row.id)
    };
    Ok(firings.iter().map(id).collect())
}

/// Writes what becomes of firings that are there.
pub async fn update(connection: &mut Connection, firings: &[&Firing]) -> Result<(), sqlx::Error> {
    let ids: Vec<i64> = firings.iter().filter_map(|firing| firing.id).collect();
    let repetitions: Vec<i32> =
        firings.iter().map(|firing| i32::try_from(firing.repetitions).unwrap_or(i32::MAX)).collect();
    let ended_by: Vec<Option<&str>> =
        firings.iter().map(|firing| firing.ended.map(|ended| ended.by.as_str())).collect();
    let minutes: Vec<i16> = firings.iter().map(|firing| firing.minutes).collect();
    let times = |time: fn(&Firing) -> Option<OffsetDateTime>| -> Vec<Option<OffsetDateTime>> {
        firings.iter().map(|firing| time(firing)).collect()
    };
    sqlx::query!(
        "
        UPDATE heartbeat.alert_firings AS firing
        SET repetitions = new.repetitions, repeated_at = new.repeated_at, ended_at = new.ended_at, ended_by = new.ended_by,
            minutes = new.minutes, last_minute = new.last_minute, resolved_at = new.resolved_at
        FROM unnest(
            $1::bigint[], $2::integer[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::smallint[], $7::timestamptz[],
            $8::timestamptz[]
        ) AS new (id, repetitions, repeated_at, ended_at, ended_by, minutes, last_minute, resolved_at)
        WHERE firing.id = new.id
        ",
        &ids,
        &repetitions,
        times(|firing| firing.repeated_at) as _,
        times(|firing| firing.ended.map(|ended| ended.at)) as _,
        ended_by as _,
        &minutes,
        times(|firing| firing.last_minute) as _,
        times(|firing| firing.resolved_at) as _,
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Takes back events that no attempt was made to send.
pub async fn withdraw(
    connection: &mut Connection,
    events: &[i64],
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        WITH withdrawn AS (DELETE FROM heartbeat.outbox WHERE id = ANY ($1))
        UPDATE heartbeat.alert_notifications SET withdrawn_at = $2 WHERE event = ANY ($1)
        ",
        events,
        now,
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Something to tell one channel.
#[derive(Debug)]
pub struct Message {
    /// Id of the firing; `None` in a test.
    pub firing: Option<i64>,
    /// Id of the channel.
    pub channel: i64,
    /// What it is told.
    pub kind: ToldKind,
    /// What the event tells.
    pub payload: Value,
}

/// Puts messages into the outbox, and notes them with their firings, of which there is one at most for each channel. They
/// take the place of what waits for the same channel about the same firing. Of the notes of repetitions that a channel
/// was told before, only the last is kept, besides the last that the owner was told of as late and those of dead letters: an alert
/// may repeat for years.
pub async fn tell(
    connection: &mut Connection,
    messages: &[Message],
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    let firings: Vec<Option<i64>> = messages.iter().map(|message| message.firing).collect();
    let channels: Vec<i64> = messages.iter().map(|message| message.channel).collect();
    let keys: Vec<String> = messages.iter().map(|message| channel::key(message.channel)).collect();
    let events: Vec<&str> = messages.iter().map(|message| message.kind.event()).collect();
    let payloads: Vec<Value> = messages.iter().map(|message| message.payload.clone()).collect();
    let kinds: Vec<&str> = messages.iter().map(|message| message.kind.as_str()).collect();
    let repetitions: Vec<i32> =
        messages.iter().map(|message| i32::try_from(message.kind.repetition()).unwrap_or(i32::MAX)).collect();
    sqlx::query_file!(
        "src/database/firings/tell.sql",
        &firings as _,
        &channels,
        &keys,
        events as _,
        &payloads,
        kinds as _,
        &repetitions,
        now,
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Forgets that tests of these alerts were asked for.
pub async fn forget_tests(connection: &mut Connection, alerts: &[i64]) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE heartbeat.alerts SET test_requested_at = NULL WHERE id = ANY ($1)", alerts)
        .execute(connection)
        .await
        .map(drop)
}
