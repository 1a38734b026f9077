//! Registering devices.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{device::DeviceName, token::TokenHash};

/// Adds a device, tells those `receivers` that want to know, and returns its id.
pub async fn add(
    connection: &mut PgConnection,
    name: &DeviceName,
    token: TokenHash,
    now: OffsetDateTime,
    receivers: &[String],
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        "
        WITH added AS (
            INSERT INTO heartbeat.devices (name, token_hash) VALUES ($1, $2) RETURNING id
        ), told AS (
            INSERT INTO heartbeat.events (receiver, kind, device, happened_at)
            SELECT receiver, 'device_added', id, $3 FROM added, unnest($4::text[]) AS receiver
        )
        SELECT id FROM added
        ",
        name.as_str(),
        token.as_bytes(),
        now,
        receivers,
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
