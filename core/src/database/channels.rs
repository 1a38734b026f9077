//! Channels that are kept in the database, and those that are disabled.

use serde_json::{Map, Value};

use super::connection::Connection;
use crate::{channel::Audience, secret::Secret};

/// A channel as the database has it.
#[derive(Debug)]
pub struct StoredChannel {
    /// Channel id.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Kind of channel.
    pub kind: String,
    /// Who reads it.
    pub audience: Audience,
    /// Whether its reader has said that it reaches them; always so for the owner.
    pub is_confirmed: bool,
    /// How often it was given another address.
    pub address_version: i32,
    /// Settings of its kind, secrets included.
    pub settings: Secret<Value>,
}

/// Returns all channels that can be sent to: not those whose chat is not known yet.
pub async fn all(connection: &mut Connection) -> Result<Vec<StoredChannel>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT
            id, name, kind, audience, audience = 'owner' OR confirmed_at IS NOT NULL AS "is_confirmed!", address_version,
            settings
        FROM heartbeat.channels
        WHERE start_code IS NULL
        ORDER BY id
        "#
    )
    .fetch_all(connection)
    .await?;
    let channels = rows.into_iter().map(|row| StoredChannel {
        id: row.id,
        name: row.name,
        kind: row.kind,
        // An audience that only a newer program knows is told no more than a friend.
        audience: Audience::parse(&row.audience).unwrap_or(Audience::Friend),
        is_confirmed: row.is_confirmed,
        address_version: row.address_version,
        settings: Secret::new(row.settings),
    });
    Ok(channels.collect())
}

/// Disables the channel, as long as it has the settings that `holder` claimed the lease with. Returns whether
/// `holder` still had the lease; without it nothing changes.
pub async fn disable(
    connection: &mut Connection,
    channel: &str,
    holder: &str,
    reason: &str,
) -> Result<bool, sqlx::Error> {
    let disabled = sqlx::query!(
        "
        INSERT INTO heartbeat.disabled_channels (channel, settings_hash, reason)
        SELECT channel, settings_hash, $3
        FROM heartbeat.dispatch_leases
        WHERE channel = $1 AND holder = $2
        FOR UPDATE
        ON CONFLICT (channel) DO UPDATE
        SET settings_hash = excluded.settings_hash,
            disabled_at = excluded.disabled_at,
            reason = excluded.reason
        ",
        channel,
        holder,
        reason,
    )
    .execute(connection)
    .await?;
    Ok(disabled.rows_affected() > 0)
}

/// Changes some settings of the channel, as long as `holder` has the lease. Returns whether it had; without it nothing
/// changes.
pub async fn change_settings(
    connection: &mut Connection,
    channel: &str,
    holder: &str,
    settings: &Map<String, Value>,
) -> Result<bool, sqlx::Error> {
    let changed = sqlx::query!(
        "
        UPDATE heartbeat.channels AS stored
        SET settings = stored.settings || $3
        FROM heartbeat.dispatch_leases AS lease
        WHERE lease.channel = $1 AND lease.holder = $2 AND stored.id = substring(lease.channel FROM '^channel:([0-9]{1,18})$')::bigint
        ",
        channel,
        holder,
        Value::Object(settings.clone()),
    )
    .execute(connection)
    .await?;
    Ok(changed.rows_affected() > 0)
}
