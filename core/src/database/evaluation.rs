//! The evaluation of alerts: what it reads and writes, in one transaction.

use std::{collections::HashMap, time::Duration};

use time::OffsetDateTime;

use super::{alerts, connection::Connection, firings, unusual};
use crate::{
    alert::{
        firing::Firing,
        past::Period,
        situation::{AlertChannel, DeviceBeats, Situation},
    },
    channel::{Audience, CONFIGURED_ID, CONFIGURED_NAME},
    settings::{Choices, OwnerSettings},
};

/// Time without an evaluation from which on the service could hear no beat. Shorter ones do not matter: alerts are about
/// longer absences, and devices in use beat each minute.
const OUTAGE_MIN: Duration = Duration::from_mins(10);

/// What the configuration says about alerts.
#[derive(Debug, Clone)]
pub struct Configured {
    /// Settings that it sets.
    pub choices: Choices,
    /// Whether it names a channel.
    pub has_channel: bool,
}

/// A turn to evaluate alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Whether there is an alert, or something may be left to tell of one.
    pub has_work: bool,
}

/// Takes the turn to evaluate alerts, until the transaction ends: no other process does meanwhile. Records an outage, if no
/// alerts were evaluated for long. Returns `None` if another process has the turn.
pub async fn claim(connection: &mut Connection) -> Result<Option<Turn>, sqlx::Error> {
    connection.ensure_transaction().await?;
    sqlx::query_as!(
        Turn,
        r#"
        WITH claimed AS (
            SELECT evaluated_at FROM heartbeat.alert_evaluation FOR UPDATE SKIP LOCKED
        ), outage AS (
            INSERT INTO heartbeat.outages (started_at, ended_at)
            SELECT evaluated_at, clock_timestamp()
            FROM claimed
            WHERE evaluated_at < clock_timestamp() - make_interval(secs => $1)
            ON CONFLICT (started_at) DO NOTHING
        ), evaluated AS (
            UPDATE heartbeat.alert_evaluation SET evaluated_at = clock_timestamp() FROM claimed
        )
        SELECT
            EXISTS (SELECT FROM heartbeat.alerts)
            OR EXISTS (SELECT FROM heartbeat.alert_firings WHERE resolved_at IS NULL) AS "has_work!"
        FROM claimed
        "#,
        OUTAGE_MIN.as_secs_f64(),
    )
    .fetch_optional(connection)
    .await
}

/// Reads the situation. Where `locks`, events that no attempt was made to send stay so until the transaction ends.
pub async fn situation(
    connection: &mut Connection,
    configured: &Configured,
    locks: bool,
) -> Result<Situation, sqlx::Error> {
    let mut situation = circumstances(connection, configured).await?;
    situation.alerts = alerts::all(connection).await?;
    let timezone = situation.settings.timezone.clone();
    situation.unusual = unusual::of_alerts(connection, &situation.alerts, &timezone).await?;
    situation.firings = firings::relevant(connection).await?;
    let ids: Vec<i64> = situation.firings.iter().filter_map(|firing| firing.id).collect();
    if ids.is_empty() {
        return Ok(situation);
    }
    let waiting = if locks { firings::lock_waiting(connection, &ids).await? } else { Vec::new() };
    for (firing, mut note) in firings::notes(connection, &ids).await? {
        note.is_waiting = waiting.contains(&note.event);
        let of = |it: &&mut Firing| it.id == Some(firing);
        situation.firings.iter_mut().filter(of).for_each(|it| it.told.push(note.clone()));
    }
    Ok(situation)
}

/// Reads everything but alerts and firings. Beats are those that were committed before the time that is read with them.
async fn circumstances(
    connection: &mut Connection,
    configured: &Configured,
) -> Result<Situation, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        SELECT
            clock_timestamp() AS "now!",
            (SELECT value FROM heartbeat.settings WHERE name = 'precision') AS precision,
            (SELECT value FROM heartbeat.settings WHERE name = 'timezone') AS timezone,
            (
                SELECT LEAST(snoozed_until, '9999-12-31T23:59:59Z')
                FROM heartbeat.owner
                WHERE snoozed_until > clock_timestamp()
            ) AS snoozed_until,
            (SELECT ok_at FROM heartbeat.owner WHERE ok_at BETWEEN 'epoch' AND clock_timestamp()) AS ok_at,
            ARRAY(SELECT id FROM heartbeat.devices ORDER BY id) AS "devices!",
            ARRAY(SELECT sign_of_life FROM heartbeat.devices ORDER BY id) AS "signs_of_life!",
            -- Where a clock was ahead, the last beat that was rolled up before is the last that can be believed.
            ARRAY(
                SELECT CASE
                    WHEN device.last_beat BETWEEN 'epoch' AND clock_timestamp() THEN device.last_beat
                    WHEN rolled.last_beat BETWEEN 'epoch' AND clock_timestamp() THEN rolled.last_beat
                END
                FROM heartbeat.devices AS device
                LEFT JOIN heartbeat.rolled_devices AS rolled ON rolled.device = device.id
                ORDER BY device.id
            ) AS "last_beats!: Vec<Option<OffsetDateTime>>",
            ARRAY(SELECT id FROM heartbeat.channels ORDER BY id) AS "channels!",
            ARRAY(SELECT name FROM heartbeat.channels ORDER BY id) AS "names!",
            ARRAY(SELECT audience FROM heartbeat.channels ORDER BY id) AS "audiences!",
            ARRAY(SELECT confirmed_at IS NOT NULL FROM heartbeat.channels ORDER BY id) AS "confirmed!",
            ARRAY(
                SELECT started_at FROM heartbeat.outages WHERE ended_at <= clock_timestamp() ORDER BY started_at
            ) AS "outages!",
            ARRAY(
                SELECT ended_at FROM heartbeat.outages WHERE ended_at <= clock_timestamp() ORDER BY started_at
            ) AS "outage_ends!",
            ARRAY(SELECT id FROM heartbeat.alerts WHERE test_requested_at IS NOT NULL ORDER BY id) AS "tests!"
        "#
    )
    .fetch_one(connection)
    .await?;
    let chosen = Choices::stored(row.precision.as_deref(), None, row.timezone.as_deref());
    let settings = OwnerSettings { configured: configured.choices.clone(), chosen };
    let devices = row.devices.into_iter().zip(row.signs_of_life).zip(row.last_beats);
    let channels = row.channels.into_iter().zip(row.names).zip(row.audiences).zip(row.confirmed);
    let stored = channels.map(|(((id, name), audience), is_confirmed)| {
        let audience = Audience::parse(&audience).unwrap_or(Audience::Friend);
        AlertChannel {
            id,
            name,
            audience,
            is_confirmed: is_confirmed || audience == Audience::Owner,
            is_disabled: false,
            wants_all: false,
        }
    });
    let outages = row.outages.into_iter().zip(row.outage_ends);
    Ok(Situation {
        now: row.now,
        settings: settings.effective(),
        snoozed_until: row.snoozed_until,
        ok_at: row.ok_at,
        outages: outages.map(|(started_at, ended_at)| Period { started_at, ended_at }).collect(),
        devices: devices
            .map(|((id, is_sign_of_life), last_beat)| DeviceBeats { id, is_sign_of_life, last_beat })
            .collect(),
        channels: configured_channel(configured).into_iter().chain(stored).collect(),
        alerts: Vec::new(),
        unusual: HashMap::new(),
        tests: row.tests,
        firings: Vec::new(),
    })
}

fn configured_channel(configured: &Configured) -> Option<AlertChannel> {
    configured.has_channel.then(|| AlertChannel {
        id: CONFIGURED_ID,
        name: CONFIGURED_NAME.to_owned(),
        audience: Audience::Owner,
        is_confirmed: true,
        is_disabled: false,
        wants_all: false,
    })
}
