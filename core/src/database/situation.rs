//! The situation of alerts: all that is read to decide what they tell, or to show what they are doing.

use time::OffsetDateTime;

use super::{alert_channels, alerts, connection::Connection, evaluation::Purpose, firings, past, unusual};
use crate::{
    alert::{
        firing::Firing,
        situation::{AlertChannel, DeviceBeats, Situation},
    },
    channel::{Audience, CONFIGURED_ID, CONFIGURED_NAME},
    settings::{Choices, OwnerSettings},
};

/// What the configuration says about alerts.
#[derive(Debug, Clone)]
pub struct Configured {
    /// Settings that it sets.
    pub choices: Choices,
    /// Whether it names a channel.
    pub has_channel: bool,
}

/// Reads the situation.
pub async fn read(
    connection: &mut Connection,
    configured: &Configured,
    purpose: Purpose,
) -> Result<Situation, sqlx::Error> {
    // Beats come before the time, so that none of them is younger.
    let devices = devices(connection).await?;
    let mut channels: Vec<AlertChannel> = configured_channel(configured).into_iter().collect();
    channels.extend(stored_channels(connection).await?);
    alert_channels::note_settings(connection, &mut channels).await?;
    let moment = moment(connection).await?;
    let alerts = alerts::all(connection).await?;
    let chosen = Choices::stored(moment.precision.as_deref(), None, moment.timezone.as_deref());
    let settings = OwnerSettings { configured: configured.choices.clone(), chosen }.effective();
    let unusual = unusual::of_alerts(connection, &alerts, &settings.timezone, purpose).await?;
    let mut situation = Situation {
        now: moment.now,
        settings,
        snoozed_until: moment.snoozed_until,
        ok_at: moment.ok_at,
        outages: Vec::new(),
        devices,
        channels,
        alerts,
        unusual,
        tests: moment.tests,
        firings: firings(connection, purpose).await?,
    };
    if let Some(since) = situation.counts_from() {
        situation.outages = past::outages(connection, since).await?;
    }
    Ok(situation)
}

/// Reads the firings of which something may be left to tell, the last one of each alert, and what they told.
async fn firings(connection: &mut Connection, purpose: Purpose) -> Result<Vec<Firing>, sqlx::Error> {
    let mut firings = firings::relevant(connection).await?;
    let ids: Vec<i64> = firings.iter().filter_map(|firing| firing.id).collect();
    if ids.is_empty() {
        return Ok(firings);
    }
    let waiting = match purpose {
        Purpose::Decide => firings::lock_waiting(connection, &ids).await?,
        Purpose::Show => Vec::new(),
    };
    for (id, mut note) in firings::notes(connection, &ids).await? {
        note.is_waiting = waiting.contains(&note.event);
        if let Some(firing) = firings.iter_mut().find(|firing| firing.id == Some(id)) {
            firing.told.push(note);
        }
    }
    Ok(firings)
}

/// Reads all devices. Where a clock was ahead, the last beat that was rolled up before is the last that can be believed.
async fn devices(connection: &mut Connection) -> Result<Vec<DeviceBeats>, sqlx::Error> {
    sqlx::query_as!(
        DeviceBeats,
        r#"
        SELECT
            device.id,
            device.sign_of_life AS is_sign_of_life,
            CASE
                WHEN device.last_beat BETWEEN 'epoch' AND clock_timestamp() THEN device.last_beat
                WHEN rolled.last_beat BETWEEN 'epoch' AND clock_timestamp() THEN rolled.last_beat
            END AS last_beat
        FROM heartbeat.devices AS device
        LEFT JOIN heartbeat.rolled_devices AS rolled ON rolled.device = device.id
        ORDER BY device.id
        "#
    )
    .fetch_all(connection)
    .await
}

async fn stored_channels(connection: &mut Connection) -> Result<Vec<AlertChannel>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT id, name, audience, confirmed_at IS NOT NULL AS "is_confirmed!"
        FROM heartbeat.channels
        ORDER BY id
        "#
    )
    .fetch_all(connection)
    .await?;
    let channels = rows.into_iter().map(|row| {
        let audience = Audience::parse(&row.audience).unwrap_or(Audience::Friend);
        let is_confirmed = row.is_confirmed || audience == Audience::Owner;
        AlertChannel {
            id: row.id,
            name: row.name,
            audience,
            is_confirmed,
            is_disabled: false,
            wants_all: false,
        }
    });
    Ok(channels.collect())
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

/// The time, and what there is one of.
struct Moment {
    now: OffsetDateTime,
    precision: Option<String>,
    timezone: Option<String>,
    snoozed_until: Option<OffsetDateTime>,
    ok_at: Option<OffsetDateTime>,
    tests: Vec<i64>,
}

async fn moment(connection: &mut Connection) -> Result<Moment, sqlx::Error> {
    sqlx::query_as!(
        Moment,
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
            ARRAY(SELECT id FROM heartbeat.alerts WHERE test_requested_at IS NOT NULL ORDER BY id) AS "tests!"
        "#
    )
    .fetch_one(connection)
    .await
}
