//! Channels that are kept in the database, and those that are disabled.

use serde_json::Value;

use super::connection::Connection;
use crate::secret::Secret;

/// A channel as the database has it.
#[derive(Debug)]
pub struct StoredChannel {
    /// Key under which its events wait in the outbox.
    pub key: String,
    /// Kind of channel.
    pub kind: String,
    /// Settings of its kind, secrets included.
    pub settings: Secret<Value>,
}

/// Returns all channels.
pub async fn all(connection: &mut Connection) -> Result<Vec<StoredChannel>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT 'channel:' || id AS "key!", kind, settings FROM heartbeat.channels ORDER BY id"#
    )
    .fetch_all(connection)
    .await?;
    let channel = |key, kind, settings| StoredChannel { key, kind, settings: Secret::new(settings) };
    Ok(rows.into_iter().map(|row| channel(row.key, row.kind, row.settings)).collect())
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
