//! Editor keys: second credentials of devices.

use super::{connection::Connection, credentials::Credentials};
use crate::{
    device::{NAME_MAX_CHARS, Registered},
    editor_key::EditorCredential,
    token::TokenHash,
};

/// Returns the hash of the token that a device has now, if `credential` is its token or its editor key; or that of a token
/// on offer, which the next beat makes the device's.
pub async fn token_hash(
    connection: &mut Connection,
    credential: &EditorCredential,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        SELECT token_hash AS "token_hash!" FROM heartbeat.devices WHERE token_hash = $1
        UNION ALL
        SELECT devices.token_hash
        FROM heartbeat.editor_keys
        JOIN heartbeat.devices ON devices.id = editor_keys.device
        WHERE editor_keys.key_hash = $2
        UNION ALL
        SELECT token_hash FROM heartbeat.offered_tokens WHERE token_hash = $1
        LIMIT 1
        "#,
        credential.as_token().as_bytes(),
        credential.as_key().as_bytes(),
    )
    .fetch_optional(connection)
    .await
}

/// Replaces the editor key of the device that has this id, or had it formerly, or gives it its first one.
pub async fn replace(
    connection: &mut Connection,
    id: i64,
    key: TokenHash,
) -> Result<Credentials, sqlx::Error> {
    let found = sqlx::query!(
        r#"
        WITH owner AS (
            SELECT id, left(name, $3) AS name, archived_at IS NOT NULL AS archived FROM heartbeat.devices
            WHERE id = COALESCE((SELECT device FROM heartbeat.former_ids WHERE former_id = $1), $1)
            -- Those that archive or erase the device wait, or it is found archived, or not at all.
            FOR KEY SHARE
        ), replaced AS (
            INSERT INTO heartbeat.editor_keys (device, key_hash) SELECT id, $2 FROM owner WHERE NOT archived
            ON CONFLICT (device) DO UPDATE SET key_hash = EXCLUDED.key_hash
        )
        SELECT id AS "id!", name, archived AS "archived!" FROM owner
        "#,
        id,
        key.as_bytes(),
        i32::from(NAME_MAX_CHARS),
    )
    .fetch_optional(connection)
    .await?;
    Ok(match found {
        None => Credentials::UnknownDevice,
        Some(found) if found.archived => Credentials::Archived,
        Some(found) => Credentials::Changed(Registered { id: found.id, name: found.name }),
    })
}

/// Removes the editor key of the device that has this id, or had it formerly, if it has one. Returns whether there is
/// such a device.
pub async fn remove(connection: &mut Connection, id: i64) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        WITH owner AS (
            SELECT id FROM heartbeat.devices
            WHERE id = COALESCE((SELECT device FROM heartbeat.former_ids WHERE former_id = $1), $1)
        ), removed AS (
            DELETE FROM heartbeat.editor_keys USING owner WHERE editor_keys.device = owner.id
        )
        SELECT EXISTS (SELECT FROM owner) AS "exists!"
        "#,
        id,
    )
    .fetch_one(connection)
    .await
}
