//! Statements on the past, as alerts look at it: long absences, outages, and snoozes.

use time::{Duration, OffsetDateTime};

use super::connection::Connection;
use crate::alert::{
    Span,
    absence::{Absence, DevicePast, common},
    past::{Past, Period},
};

/// How far behind the roll-up may be for the past to be known: more than it is on Lambda between two runs of jobs that are five
/// minutes apart, of which one was late, failed, or evaluated alerts before it rolled beats up.
const ROLL_UP_DELAY_MAX: Duration = Duration::minutes(20);

/// Returns how far behind it may be when absences of this length are asked about: beats that were not read yet may have been
/// made within the time that it is behind, so an absence that is no longer must not count.
fn roll_up_delay_max(shortest: Span) -> Duration {
    ROLL_UP_DELAY_MAX.min(Duration::seconds(shortest.seconds()) - Duration::MINUTE)
}

/// Reads the past of `device`, or of all devices together whose beats are signs of life: absences of at least `shortest` that
/// had not ended `lookback` ago, and the outages and snoozes since. As long as older beats are still being read, nothing is
/// known of it. Beats of the last minute may be missing.
pub async fn read(
    connection: &mut Connection,
    device: Option<i64>,
    lookback: Duration,
    shortest: Span,
) -> Result<Past, sqlx::Error> {
    let (now, mut devices) = devices(connection, device, roll_up_delay_max(shortest)).await?;
    let since = now - lookback;
    let ids: Vec<i64> = devices.iter().map(|(id, _)| *id).collect();
    let absences = sqlx::query!(
        "
        SELECT device, started_at, ended_at
        FROM heartbeat.device_absences
        WHERE device = ANY ($1) AND ended_at > $2 AND ended_at - started_at >= make_interval(secs => $3)
        ORDER BY device, started_at
        ",
        &ids,
        since,
        Duration::seconds(shortest.seconds()).as_seconds_f64(),
    )
    .fetch_all(&mut *connection)
    .await?;
    for row in absences {
        if let Ok(index) = devices.binary_search_by_key(&row.device, |(id, _)| *id) {
            let absence = Absence { started_at: row.started_at, ended_at: Some(row.ended_at) };
            devices[index].1.ended.push(absence);
        }
    }
    let mut devices: Vec<DevicePast> = devices.into_iter().map(|(_, past)| past).collect();
    for device in &mut devices {
        device.ended.sort_unstable_by_key(|absence| absence.started_at);
    }
    let (outages, snoozes) = periods(connection, since).await?;
    let is_meant = |absence: &Absence| {
        absence.length(now).whole_seconds() >= shortest.seconds()
            && absence.ended_at.is_none_or(|ended_at| ended_at > since)
    };
    Ok(Past {
        now,
        data_since: devices.iter().map(|device| device.first_beat).min(),
        absences: common(&devices).into_iter().filter(is_meant).collect(),
        outages,
        snoozes,
    })
}

/// Reads the time, and the devices that are meant, ordered by id; none if the roll-up is behind.
async fn devices(
    connection: &mut Connection,
    device: Option<i64>,
    roll_up_delay_max: Duration,
) -> Result<(OffsetDateTime, Vec<(i64, DevicePast)>), sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT
            now() AS "now!",
            device.id AS "id?",
            rolled.first_beat AS "first_beat?",
            rolled.last_beat AS "last_rolled?",
            CASE WHEN device.last_beat BETWEEN rolled.last_beat AND now() THEN device.last_beat ELSE rolled.last_beat END
                AS last_beat
        FROM (VALUES (0)) AS always
        LEFT JOIN (heartbeat.rolled_devices AS rolled JOIN heartbeat.devices AS device ON device.id = rolled.device)
            ON CASE WHEN $1::bigint IS NULL THEN device.sign_of_life ELSE device.id = $1 END
            AND (SELECT rolled_until FROM heartbeat.roll_up) BETWEEN now() - make_interval(secs => $2) AND now()
        ORDER BY device.id
        "#,
        device,
        roll_up_delay_max.as_seconds_f64(),
    )
    .fetch_all(connection)
    .await?;
    let now = rows.first().map_or(OffsetDateTime::UNIX_EPOCH, |row| row.now);
    let devices = rows.into_iter().filter_map(|row| {
        let (last_rolled, last_beat) = (row.last_rolled?, row.last_beat?);
        // Where beats between these two were not read yet, the absence may have ended a few minutes earlier.
        let ended = (last_rolled < last_beat)
            .then_some(Absence { started_at: last_rolled, ended_at: Some(last_beat) });
        Some((
            row.id?,
            DevicePast { first_beat: row.first_beat?, last_beat, ended: ended.into_iter().collect() },
        ))
    });
    Ok((now, devices.collect()))
}

/// Reads the outages that had not ended at `since`, in their order: those that were recorded just now included.
pub async fn outages(connection: &mut Connection, since: OffsetDateTime) -> Result<Vec<Period>, sqlx::Error> {
    sqlx::query_as!(
        Period,
        "
        SELECT started_at, ended_at
        FROM heartbeat.outages
        WHERE ended_at > $1 AND ended_at <= clock_timestamp()
        ORDER BY started_at
        ",
        since,
    )
    .fetch_all(connection)
    .await
}

/// Reads the outages and the snoozes that had not ended at `since`, in their order.
async fn periods(
    connection: &mut Connection,
    since: OffsetDateTime,
) -> Result<(Vec<Period>, Vec<Period>), sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT is_outage AS "is_outage!", started_at AS "started_at!", LEAST(ended_at, now()) AS "ended_at!"
        FROM (
            SELECT true AS is_outage, started_at, ended_at FROM heartbeat.outages
            UNION ALL
            SELECT false, started_at, ended_at FROM heartbeat.snoozes
        ) AS period
        WHERE started_at < now() AND ended_at > $1
        ORDER BY started_at
        "#,
        since,
    )
    .fetch_all(connection)
    .await?;
    let (outages, snoozes): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.is_outage);
    let period = |(started_at, ended_at)| Period { started_at, ended_at };
    let outages = outages.into_iter().map(|row| period((row.started_at, row.ended_at)));
    let snoozes = snoozes.into_iter().map(|row| period((row.started_at, row.ended_at)));
    Ok((outages.collect(), snoozes.collect()))
}
