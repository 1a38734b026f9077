//! Export: writes a dump of a database.

use futures_util::TryStreamExt;
use tokio::io::AsyncWrite;

use super::{
    DumpError, export_alerts,
    line::{Count, Line, VERSION},
    owner, retained,
    writer::Writer,
};
use crate::{
    database::{Connection, Target, schema},
    device::{DeviceName, ID_MAX},
    progress::{Observer, Progress},
};

/// Number of beats between two progress reports.
const REPORT_INTERVAL_BEATS: i64 = 10_000;

/// Writes a dump of the database as of one moment. Servers may keep running. Memory does not grow with the data.
pub async fn export(
    target: &Target,
    output: impl AsyncWrite + Unpin,
    observer: &mut impl Observer,
) -> Result<Count, DumpError> {
    let mut snapshot = Connection::open(target).await?;
    snapshot.begin("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    schema::require_usable(&mut snapshot).await?;
    let mut writer = Writer::new(output);
    writer.write(&Line::HeartbeatExport { version: VERSION }).await?;
    write_stats(&mut snapshot, &mut writer).await?;
    owner::write_owner(&mut snapshot, &mut writer).await?;
    let mut count = Count {
        settings: owner::write_settings(&mut snapshot, &mut writer).await?,
        erasures: owner::write_erasures(&mut snapshot, &mut writer).await?,
        devices: write_devices(&mut snapshot, &mut writer).await?,
        ..Count::default()
    };
    export_alerts::write(&mut snapshot, &mut writer, &mut count).await?;
    retained::write(&mut snapshot, &mut writer, &mut count).await?;
    count.absences = write_absences(&mut snapshot, &mut writer).await?;
    count.beats = write_beats(&mut snapshot, &mut writer, observer).await?;
    writer.write(&Line::End(count)).await?;
    writer.flush().await?;
    Ok(count)
}

async fn write_stats(
    connection: &mut Connection,
    writer: &mut Writer<impl AsyncWrite + Unpin>,
) -> Result<(), DumpError> {
    let stats = sqlx::query!(
        r#"
        SELECT
            GREATEST(LEAST(total_visits, $1), 0) AS "total_visits!",
            GREATEST(LEAST(server_start_time, clock_timestamp()), 'epoch') AS "server_start_time!",
            (extract(epoch FROM GREATEST(LEAST(longest_absence, clock_timestamp() - 'epoch'), interval '0')) * 1000000)::bigint
                AS "longest_absence_microseconds!"
        FROM heartbeat.stats
        "#,
        ID_MAX,
    )
    .fetch_one(connection)
    .await?;
    let line = Line::Stats {
        total_visits: stats.total_visits,
        server_start_time: stats.server_start_time,
        longest_absence_microseconds: stats.longest_absence_microseconds,
    };
    writer.write(&line).await
}

async fn write_devices(
    connection: &mut Connection,
    writer: &mut Writer<impl AsyncWrite + Unpin>,
) -> Result<i64, DumpError> {
    let mut devices = sqlx::query!(
        r#"
        SELECT
            id,
            former.former_id AS "former_id?",
            name,
            encode(token_hash, 'hex') AS "token_hash!",
            encode(editor_keys.key_hash, 'hex') AS editor_key_hash,
            visibility,
            sign_of_life,
            CASE WHEN archived_at IS NOT NULL THEN GREATEST(LEAST(archived_at, clock_timestamp()), 'epoch') END
                AS archived_at,
            CASE WHEN created_at BETWEEN 'epoch' AND clock_timestamp() THEN created_at END AS created_at
        FROM heartbeat.devices
        LEFT JOIN heartbeat.former_ids AS former ON former.device = devices.id
        LEFT JOIN heartbeat.editor_keys ON editor_keys.device = devices.id
        ORDER BY id
        "#
    )
    .fetch(connection);
    let mut count = 0;
    while let Some(device) = devices.try_next().await? {
        let name = device.name.as_deref().and_then(DeviceName::nearest_to);
        let line = Line::Device {
            id: device.id,
            former_id: device.former_id,
            name: name.as_ref().map(|name| name.as_str().into()),
            token_hash: device.token_hash.into(),
            editor_key_hash: device.editor_key_hash.map(Into::into),
            visibility: device.visibility.into(),
            sign_of_life: device.sign_of_life,
            archived_at: device.archived_at,
            created_at: device.created_at,
        };
        writer.write(&line).await?;
        count += 1;
    }
    Ok(count)
}

async fn write_absences(
    connection: &mut Connection,
    writer: &mut Writer<impl AsyncWrite + Unpin>,
) -> Result<i64, DumpError> {
    let mut absences = sqlx::query!(
        "
            SELECT ended_by, started_at, ended_at
            FROM heartbeat.absences
            WHERE started_at BETWEEN 'epoch' AND ended_at AND ended_at <= clock_timestamp()
            ORDER BY id
            "
    )
    .fetch(connection);
    let mut count = 0;
    while let Some(absence) = absences.try_next().await? {
        let (ended_by, started_at, ended_at) = (absence.ended_by, absence.started_at, absence.ended_at);
        writer.write(&Line::Absence { ended_by, started_at, ended_at }).await?;
        count += 1;
    }
    Ok(count)
}

async fn write_beats(
    connection: &mut Connection,
    writer: &mut Writer<impl AsyncWrite + Unpin>,
    observer: &mut impl Observer,
) -> Result<i64, DumpError> {
    let total = sqlx::query_scalar!("SELECT sum(num_beats)::bigint FROM heartbeat.devices")
        .fetch_one(&mut *connection)
        .await?;
    // A beat whose time cannot be counts all the same, as one that is long ago. Those of erased devices do not.
    let mut beats = sqlx::query!(
        r#"
        SELECT
            COALESCE(former.device, beats.device) AS "device!",
            CASE WHEN time_stamp BETWEEN 'epoch' AND clock_timestamp() THEN time_stamp ELSE 'epoch' END AS "time_stamp!"
        FROM heartbeat.beats LEFT JOIN heartbeat.former_ids AS former ON former.former_id = beats.device
        WHERE beats.device <> ALL (ARRAY(
            SELECT unnest(array_remove(ARRAY[device, former_id], NULL))
            FROM heartbeat.erasures
            WHERE finished_at IS NULL
        ))
        "#
    )
    .fetch(connection);
    let mut count = 0;
    while let Some(beat) = beats.try_next().await? {
        writer.write(&Line::Beat { device: beat.device, time_stamp: beat.time_stamp }).await?;
        count += 1;
        if count % REPORT_INTERVAL_BEATS == 0 {
            observer.observe(Progress { step: "writing beats", done: count, total });
        }
    }
    Ok(count)
}
