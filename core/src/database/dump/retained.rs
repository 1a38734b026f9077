//! What retention has left of beats, in dumps.

use futures_util::TryStreamExt;
use time::OffsetDateTime;
use tokio::io::AsyncWrite;

use super::{
    DumpError,
    check::{self, Checked, Ids},
    line::{Count, Line, Presence},
    writer::Writer,
};
use crate::database::Connection;

/// Quarters of an hour in a day of UTC.
const QUARTERS: usize = 96;

/// Writes all of it; nothing if no beats were deleted.
pub(super) async fn write(
    connection: &mut Connection,
    writer: &mut Writer<impl AsyncWrite + Unpin>,
    count: &mut Count,
) -> Result<(), DumpError> {
    let retained_from = sqlx::query_scalar!(
        "SELECT retained_from FROM heartbeat.roll_up WHERE retained_from BETWEEN 'epoch' AND clock_timestamp()"
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(retained_from) = retained_from else { return Ok(()) };
    writer.write(&Line::Retention { retained_from }).await?;
    write_presence(connection, writer, count, retained_from).await?;
    write_absences(connection, writer, count, retained_from).await?;
    write_deleted_beats(connection, writer, count).await
}

async fn write_presence(
    connection: &mut Connection,
    writer: &mut Writer<impl AsyncWrite + Unpin>,
    count: &mut Count,
    retained_from: OffsetDateTime,
) -> Result<(), DumpError> {
    let mut days = sqlx::query_as!(
        Presence,
        r#"
        SELECT device, day - date '1970-01-01' AS "day!", minutes, beats
        FROM heartbeat.presence
        WHERE device IN (SELECT id FROM heartbeat.devices) AND day < ($1::timestamptz AT TIME ZONE 'UTC')::date
        ORDER BY day, device
        "#,
        retained_from,
    )
    .fetch(connection);
    while let Some(day) = days.try_next().await? {
        writer.write(&Line::Presence(day)).await?;
        count.presence += 1;
    }
    Ok(())
}

async fn write_absences(
    connection: &mut Connection,
    writer: &mut Writer<impl AsyncWrite + Unpin>,
    count: &mut Count,
    retained_from: OffsetDateTime,
) -> Result<(), DumpError> {
    let mut absences = sqlx::query!(
        "
        SELECT device, started_at, ended_at
        FROM heartbeat.device_absences
        WHERE device IN (SELECT id FROM heartbeat.devices) AND started_at >= 'epoch' AND ended_at < $1
        ORDER BY started_at, device
        ",
        retained_from,
    )
    .fetch(connection);
    while let Some(absence) = absences.try_next().await? {
        let (device, started_at, ended_at) = (absence.device, absence.started_at, absence.ended_at);
        writer.write(&Line::DeviceAbsence { device, started_at, ended_at }).await?;
        count.device_absences += 1;
    }
    Ok(())
}

async fn write_deleted_beats(
    connection: &mut Connection,
    writer: &mut Writer<impl AsyncWrite + Unpin>,
    count: &mut Count,
) -> Result<(), DumpError> {
    let mut devices = sqlx::query!(
        r#"
        SELECT device, first_beat, last_deleted_beat AS "last_beat!"
        FROM heartbeat.rolled_devices
        WHERE device IN (SELECT id FROM heartbeat.devices) AND last_deleted_beat IS NOT NULL
        ORDER BY device
        "#
    )
    .fetch(connection);
    while let Some(row) = devices.try_next().await? {
        let (device, first_beat, last_beat) = (row.device, row.first_beat, row.last_beat);
        writer.write(&Line::DeletedBeats { device, first_beat, last_beat }).await?;
        count.deleted_beats += 1;
    }
    Ok(())
}

/// Inserts the row of a line, and counts it.
pub(super) async fn insert(
    connection: &mut Connection,
    ids: &mut Ids,
    count: &mut Count,
    line: Line<'_>,
    now: OffsetDateTime,
) -> Checked<Result<(), sqlx::Error>> {
    match line {
        Line::Retention { retained_from } => retention(connection, retained_from, now).await,
        Line::Presence(day) => {
            count.presence += 1;
            presence(connection, ids, day).await
        }
        Line::DeviceAbsence { device, started_at, ended_at } => {
            count.device_absences += 1;
            absence(connection, ids.resolve(device)?, (started_at, ended_at), now).await
        }
        Line::DeletedBeats { device, first_beat, last_beat } => {
            count.deleted_beats += 1;
            deleted_beats(connection, ids.resolve(device)?, (first_beat, last_beat), now).await
        }
        _ => Ok(Ok(())),
    }
}

/// Inserts the time before which beats were deleted.
async fn retention(
    connection: &mut Connection,
    retained_from: OffsetDateTime,
    now: OffsetDateTime,
) -> Checked<Result<(), sqlx::Error>> {
    let retained_from = check::time("retained_from", retained_from, now)?;
    if retained_from.time() != time::Time::MIDNIGHT {
        return Err("retained_from: expected a midnight of UTC".to_owned());
    }
    Ok(sqlx::query!("UPDATE heartbeat.roll_up SET retained_from = $1", retained_from)
        .execute(connection)
        .await
        .map(drop))
}

/// Inserts the presence of a device on a day.
async fn presence(
    connection: &mut Connection,
    ids: &mut Ids,
    presence: Presence,
) -> Checked<Result<(), sqlx::Error>> {
    let device = ids.resolve(presence.device)?;
    let are_quarters = presence.minutes.len() == QUARTERS && presence.beats.len() == QUARTERS;
    if !are_quarters || presence.minutes.iter().any(|minutes| *minutes < 0) {
        return Err("presence: expected the minutes and the beats of 96 quarters of an hour".to_owned());
    }
    if presence.day < 0 || presence.beats.iter().any(|beats| *beats < 0) {
        return Err("presence: expected a day since 1970, and counts".to_owned());
    }
    Ok(sqlx::query!(
        "
        INSERT INTO heartbeat.presence (device, day, minutes, beats)
        VALUES ($1, date '1970-01-01' + $2::integer, $3, $4)
        ",
        device,
        presence.day,
        &presence.minutes,
        &presence.beats,
    )
    .execute(connection)
    .await
    .map(drop))
}

/// Inserts an absence of a device.
async fn absence(
    connection: &mut Connection,
    device: i64,
    (started_at, ended_at): (OffsetDateTime, OffsetDateTime),
    now: OffsetDateTime,
) -> Checked<Result<(), sqlx::Error>> {
    let ended_at = check::time("ended_at", ended_at, now)?;
    let started_at = check::time("started_at", started_at, ended_at)?;
    Ok(sqlx::query!(
        "INSERT INTO heartbeat.device_absences (device, started_at, ended_at) VALUES ($1, $2, $3)",
        device,
        started_at,
        ended_at,
    )
    .execute(connection)
    .await
    .map(drop))
}

/// Inserts the first and the last beat of a device among those that were deleted.
async fn deleted_beats(
    connection: &mut Connection,
    device: i64,
    (first_beat, last_beat): (OffsetDateTime, OffsetDateTime),
    now: OffsetDateTime,
) -> Checked<Result<(), sqlx::Error>> {
    let last_beat = check::time("last_beat", last_beat, now)?;
    let first_beat = check::time("first_beat", first_beat, last_beat)?;
    Ok(sqlx::query!(
        "
        INSERT INTO heartbeat.rolled_devices (device, first_beat, last_beat, last_deleted_beat)
        VALUES ($1, $2, $3, $3)
        ",
        device,
        first_beat,
        last_beat,
    )
    .execute(connection)
    .await
    .map(drop))
}

/// Works out the presence of all devices together from that of each.
pub(super) async fn sum_up(connection: &mut Connection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        INSERT INTO heartbeat.presence (device, day, minutes, beats)
        SELECT
            -1,
            day,
            array_agg(minutes ORDER BY number),
            array_agg(LEAST(beats, 2147483647)::integer ORDER BY number)
        FROM (
            SELECT rolled.day, quarter.number, bit_or(quarter.minutes) AS minutes, sum(quarter.beats) AS beats
            FROM heartbeat.presence AS rolled,
                unnest(rolled.minutes, rolled.beats) WITH ORDINALITY AS quarter (minutes, beats, number)
            GROUP BY rolled.day, quarter.number
        ) AS quarter
        GROUP BY day
        "
    )
    .execute(connection)
    .await
    .map(drop)
}
