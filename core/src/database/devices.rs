//! Registering devices.

use super::{connection::Connection, pairings};
use crate::{
    device::{DeviceName, NAME_MAX_CHARS, Registered},
    token::TokenHash,
};

/// A device that was just added.
#[derive(Debug)]
pub struct Added {
    /// Device id.
    pub id: i64,
    /// Whether events were put into the outbox.
    pub queued_events: bool,
}

/// Adds a device, and puts an event into the outbox for each of the `configured` channels and for those in the
/// database that subscribe to it.
pub async fn add(
    connection: &mut Connection,
    name: &DeviceName,
    token: TokenHash,
    configured: &[String],
) -> Result<Added, sqlx::Error> {
    sqlx::query_as!(
        Added,
        r#"
        WITH added AS (
            INSERT INTO heartbeat.devices (name, token_hash) VALUES ($1, $2) RETURNING id
        ), queued AS (
            INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload)
            SELECT channel, 'device.added', now(), jsonb_build_object('device', added.id)
            FROM added, (
                SELECT unnest($3::text[]) AS channel
                UNION ALL
                SELECT channel FROM heartbeat.subscriptions WHERE kind = 'device.added'
            ) AS subscription
            RETURNING id
        )
        SELECT id, EXISTS (SELECT FROM queued) AS "queued_events!" FROM added
        "#,
        name.as_str(),
        token.as_bytes(),
        configured,
    )
    .fetch_one(connection)
    .await
}

/// A device whose row is locked until the transaction ends.
#[derive(Debug)]
pub(super) struct Locked {
    /// Device id.
    pub(super) id: i64,
    /// Whether it is archived.
    pub(super) is_archived: bool,
}

/// Locks the device that has this id, or had it formerly, against all that changes it or beats, in a transaction.
/// `None` if there is none.
pub(super) async fn lock(connection: &mut Connection, id: i64) -> Result<Option<Locked>, sqlx::Error> {
    sqlx::query_as!(
        Locked,
        r#"
        SELECT id, archived_at IS NOT NULL AS "is_archived!" FROM heartbeat.devices
        WHERE id = COALESCE((SELECT device FROM heartbeat.former_ids WHERE former_id = $1), $1)
        FOR UPDATE
        "#,
        id,
    )
    .fetch_optional(connection)
    .await
}

/// Outcome of a change to the credentials of a device.
#[derive(Debug)]
pub enum Credentials {
    /// They were changed.
    Changed(Registered),
    /// No device has this id.
    UnknownDevice,
    /// The device is archived, and has none.
    Archived,
}

/// Replaces the token of the device that has this id, or had it formerly. Its pairing code is void, as are the tokens
/// that it offered.
pub async fn replace_token(
    connection: &mut Connection,
    id: i64,
    token: TokenHash,
) -> Result<Credentials, sqlx::Error> {
    connection.ensure_transaction().await?;
    let Some(locked) = lock(connection, id).await? else { return Ok(Credentials::UnknownDevice) };
    if locked.is_archived {
        return Ok(Credentials::Archived);
    }
    pairings::forget(connection, locked.id).await?;
    sqlx::query_as!(
        Registered,
        "UPDATE heartbeat.devices SET token_hash = $2 WHERE id = $1 RETURNING id, left(name, $3) AS name",
        locked.id,
        token.as_bytes(),
        i32::from(NAME_MAX_CHARS),
    )
    .fetch_one(connection)
    .await
    .map(Credentials::Changed)
}
