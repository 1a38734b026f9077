//! Devices as their owner sees and changes them.

use time::OffsetDateTime;

use super::{connection::Connection, pairings};
use crate::{
    device::{DeviceName, DeviceUpdate, NAME_MAX_CHARS, OwnedDevice, Visibility},
    stats::shown_count,
};

/// An [`OwnedDevice`] as the statements answer it. Times that lie in the future are not believed.
struct Row {
    id: i64,
    former_id: Option<i64>,
    name: Option<String>,
    visibility: String,
    sign_of_life: bool,
    archived_at: Option<OffsetDateTime>,
    created_at: Option<OffsetDateTime>,
    last_beat: Option<OffsetDateTime>,
    num_beats: i64,
}

impl From<Row> for OwnedDevice {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            former_id: row.former_id,
            name: row.name,
            // A visibility that only a newer program knows is certainly not public.
            visibility: Visibility::parse(&row.visibility).unwrap_or(Visibility::Hidden),
            sign_of_life: row.sign_of_life,
            archived_at: row.archived_at,
            created_at: row.created_at,
            last_beat: row.last_beat,
            num_beats: shown_count(row.num_beats),
        }
    }
}

/// Returns all devices, ordered by id, archived ones last.
pub async fn all(connection: &mut Connection) -> Result<Vec<OwnedDevice>, sqlx::Error> {
    read(connection, None).await
}

/// Returns the device that has this id, or had it formerly.
pub async fn one(connection: &mut Connection, id: i64) -> Result<Option<OwnedDevice>, sqlx::Error> {
    Ok(read(connection, Some(id)).await?.pop())
}

async fn read(connection: &mut Connection, id: Option<i64>) -> Result<Vec<OwnedDevice>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        SELECT
            device.id,
            former.former_id AS "former_id?",
            left(device.name, $1) AS name,
            device.visibility,
            device.sign_of_life,
            CASE WHEN device.archived_at IS NOT NULL THEN GREATEST(LEAST(device.archived_at, clock_timestamp()), 'epoch') END
                AS archived_at,
            CASE WHEN device.created_at BETWEEN 'epoch' AND clock_timestamp() THEN device.created_at END AS created_at,
            CASE WHEN device.last_beat BETWEEN 'epoch' AND clock_timestamp() THEN device.last_beat END AS last_beat,
            device.num_beats
        FROM heartbeat.devices AS device
        LEFT JOIN heartbeat.former_ids AS former ON former.device = device.id
        WHERE $2::bigint IS NULL
           OR device.id = COALESCE((SELECT device FROM heartbeat.former_ids WHERE former_id = $2), $2)
        ORDER BY device.archived_at IS NOT NULL, device.id
        "#,
        i32::from(NAME_MAX_CHARS),
        id,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(OwnedDevice::from).collect())
}

/// Changes the device that has this id, or had it formerly. Returns the device, or `None` if there is none.
///
/// A device that is archived loses its token with the change: no token has the hash that takes its place. Its other
/// credentials go in a statement that begins when the row is locked, so that it sees those that were made meanwhile.
pub async fn update(
    connection: &mut Connection,
    id: i64,
    update: &DeviceUpdate,
) -> Result<Option<OwnedDevice>, sqlx::Error> {
    connection.ensure_transaction().await?;
    let changed = sqlx::query!(
        r#"
        UPDATE heartbeat.devices
        SET name = COALESCE($2, name),
            visibility = COALESCE($3, visibility),
            sign_of_life = COALESCE($4, sign_of_life),
            archived_at = CASE
                WHEN $5 THEN COALESCE(archived_at, now())
                WHEN NOT $5 THEN NULL
                ELSE archived_at
            END,
            token_hash = CASE
                WHEN $5 AND archived_at IS NULL
                THEN sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
                ELSE token_hash
            END
        WHERE id = COALESCE((SELECT device FROM heartbeat.former_ids WHERE former_id = $1), $1)
        RETURNING id, archived_at IS NOT NULL AS "archived!"
        "#,
        id,
        update.name.as_ref().map(DeviceName::as_str),
        update.visibility.map(Visibility::as_str),
        update.sign_of_life,
        update.archived,
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(changed) = changed else { return Ok(None) };
    if changed.archived {
        remove_credentials(connection, changed.id).await?;
    }
    one(connection, changed.id).await
}

/// Takes away what a locked device could beat with besides its token: its editor key, its pairing code, and the tokens
/// that the code gave.
async fn remove_credentials(connection: &mut Connection, id: i64) -> Result<(), sqlx::Error> {
    pairings::forget(&mut *connection, id).await?;
    sqlx::query!("DELETE FROM heartbeat.editor_keys WHERE device = $1", id)
        .execute(connection)
        .await
        .map(drop)
}
