//! Registering devices.

use sqlx::PgConnection;

use crate::{device::DeviceName, token::TokenHash};

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
    connection: &mut PgConnection,
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

/// Replaces the token of device `id` and returns the device's name (which may be missing), or
/// `None` if there is no such device.
pub async fn replace_token(
    connection: &mut PgConnection,
    id: i64,
    token: TokenHash,
) -> Result<Option<Option<String>>, sqlx::Error> {
    sqlx::query_scalar!(
        "UPDATE heartbeat.devices SET token_hash = $2 WHERE id = $1 RETURNING name",
        id,
        token.as_bytes(),
    )
    .fetch_optional(connection)
    .await
}
