//! Channels that are kept in the database.

use serde_json::Value;
use sqlx::PgConnection;

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
pub async fn all(connection: &mut PgConnection) -> Result<Vec<StoredChannel>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT 'channel:' || id AS "key!", kind, settings FROM heartbeat.channels ORDER BY id"#
    )
    .fetch_all(connection)
    .await?;
    let channel = |key, kind, settings| StoredChannel { key, kind, settings: Secret::new(settings) };
    Ok(rows.into_iter().map(|row| channel(row.key, row.kind, row.settings)).collect())
}
