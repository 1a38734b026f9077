//! Rows that an import inserts, once they are checked.

use time::OffsetDateTime;

use super::check::Ids;
use crate::{
    database::Connection,
    device::{DeviceName, Visibility},
};

/// Batch of beats that one statement inserts.
#[derive(Default)]
pub(super) struct Beats {
    pub(super) devices: Vec<i64>,
    pub(super) times: Vec<OffsetDateTime>,
}

impl Beats {
    /// Inserts the batch and empties it.
    pub(super) async fn insert(&mut self, connection: &mut Connection) -> Result<(), sqlx::Error> {
        sqlx::query!(
            "
            INSERT INTO heartbeat.beats (device, time_stamp)
            SELECT device, time_stamp FROM unnest($1::bigint[], $2::timestamptz[]) AS beat (device, time_stamp)
            ",
            &self.devices,
            &self.times,
        )
        .execute(connection)
        .await?;
        self.devices.clear();
        self.times.clear();
        Ok(())
    }
}

/// A device to insert.
pub(super) struct Device<'a> {
    pub(super) id: i64,
    pub(super) name: Option<DeviceName>,
    pub(super) token_hash: &'a str,
    pub(super) editor_key_hash: Option<&'a str>,
    pub(super) visibility: Visibility,
    pub(super) sign_of_life: bool,
    pub(super) archived_at: Option<OffsetDateTime>,
    pub(super) created_at: Option<OffsetDateTime>,
}

pub(super) async fn device(connection: &mut Connection, device: Device<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        INSERT INTO heartbeat.devices
            (id, name, token_hash, visibility, sign_of_life, archived_at, created_at)
        VALUES ($1, $2, decode($3, 'hex'), $4, $5, $6, $7)
        ",
        device.id,
        device.name.as_ref().map(DeviceName::as_str),
        device.token_hash,
        device.visibility.as_str(),
        device.sign_of_life,
        device.archived_at,
        device.created_at,
    )
    .execute(&mut *connection)
    .await?;
    let Some(editor_key_hash) = device.editor_key_hash else { return Ok(()) };
    sqlx::query!(
        "INSERT INTO heartbeat.editor_keys (device, key_hash) VALUES ($1, decode($2, 'hex'))",
        device.id,
        editor_key_hash,
    )
    .execute(connection)
    .await
    .map(drop)
}

pub(super) async fn former_ids(connection: &mut Connection, ids: &Ids) -> Result<(), sqlx::Error> {
    let (former_ids, devices) = ids.former();
    sqlx::query!(
        "
        INSERT INTO heartbeat.former_ids (former_id, device)
        SELECT former_id, device FROM unnest($1::bigint[], $2::bigint[]) AS former (former_id, device)
        ",
        &former_ids,
        &devices,
    )
    .execute(connection)
    .await
    .map(drop)
}

pub(super) async fn absence(
    connection: &mut Connection,
    ended_by: i64,
    started_at: OffsetDateTime,
    ended_at: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO heartbeat.absences (ended_by, started_at, ended_at) VALUES ($1, $2, $3)",
        ended_by,
        started_at,
        ended_at,
    )
    .execute(connection)
    .await
    .map(drop)
}

pub(super) async fn stats(
    connection: &mut Connection,
    total_visits: i64,
    server_start_time: OffsetDateTime,
    longest_absence_microseconds: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        UPDATE heartbeat.stats
        SET total_visits = $1, server_start_time = $2, longest_absence = ($3::bigint || ' microseconds')::interval
        ",
        total_visits,
        server_start_time,
        longest_absence_microseconds,
    )
    .execute(connection)
    .await
    .map(drop)
}
