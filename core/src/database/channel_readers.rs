//! What readers of channels decide, by the links that they get.

use serde_json::Value;

use super::{connection::Connection, failing_channels};
use crate::{
    channel::{OwnedChannel, UNSUBSCRIBED, settings_hash},
    notify::event::FailingChannel,
};

/// Confirms a friend's channel. That takes it back if they wanted no more. Returns whether there is one with this id that has
/// the same address still.
pub async fn confirm(
    connection: &mut Connection,
    id: i64,
    address_version: i32,
) -> Result<bool, sqlx::Error> {
    let confirmed = sqlx::query!(
        "
        WITH confirmed AS (
            UPDATE heartbeat.channels SET confirmed_at = COALESCE(confirmed_at, now())
            WHERE id = $1 AND address_version = $3
            RETURNING id
        ), enabled AS (
            DELETE FROM heartbeat.disabled_channels
            USING confirmed
            WHERE channel = 'channel:' || confirmed.id AND reason = $2
        )
        SELECT id FROM confirmed
        ",
        id,
        UNSUBSCRIBED,
        address_version,
    )
    .fetch_optional(connection)
    .await?;
    Ok(confirmed.is_some())
}

/// Disables a channel whose reader wants no more, and tells the owner by the other channels. `configured` are the keys of the channels
/// that the configuration names. Nothing happens if that was done before.
pub async fn unsubscribe(
    connection: &mut Connection,
    channel: &OwnedChannel,
    configured: &[String],
) -> Result<(), sqlx::Error> {
    connection.ensure_transaction().await?;
    let settings = Value::Object(channel.settings.expose().clone());
    let disabled = sqlx::query!(
        "
        INSERT INTO heartbeat.disabled_channels (channel, settings_hash, reason)
        SELECT 'channel:' || id, $3, $4 FROM heartbeat.channels WHERE id = $1 AND settings = $2
        ON CONFLICT (channel) DO UPDATE
        SET settings_hash = excluded.settings_hash,
            disabled_at = excluded.disabled_at,
            reason = excluded.reason
        WHERE disabled_channels.settings_hash <> excluded.settings_hash
           OR disabled_channels.reason <> excluded.reason
        ",
        channel.id,
        settings,
        settings_hash(&settings),
        UNSUBSCRIBED,
    )
    .execute(&mut *connection)
    .await?;
    if disabled.rows_affected() == 0 {
        return Ok(());
    }
    let failing = FailingChannel {
        channel: channel.id,
        name: channel.name.clone(),
        reason: UNSUBSCRIBED.to_owned(),
        disabled: true,
        alert_name: None,
    };
    failing_channels::tell(connection, &[failing], configured).await
}
