//! Registering devices.

use super::{
    connection::Connection,
    credentials::{Credentials, lock},
    pairings,
};
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
    pairings::forget(&mut *connection, locked.id).await?;
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
