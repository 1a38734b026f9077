//! What readers of channels decide, by the links that they get.

use serde_json::Value;

use super::connection::Connection;
use crate::{
    channel::{CONFIGURED_DISCORD, OwnedChannel, UNSUBSCRIBED, settings_hash},
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

/// Disables a channel whose reader wants no more, and puts into the outbox that the owner is to learn of it, by the other
/// channels: those in the database, and the one of the configuration where there is one. Nothing happens if that was done
/// before.
pub async fn unsubscribe(
    connection: &mut Connection,
    channel: &OwnedChannel,
    has_configured: bool,
) -> Result<(), sqlx::Error> {
    let failing = FailingChannel {
        channel: channel.id,
        name: channel.name.clone(),
        reason: UNSUBSCRIBED.to_owned(),
        disabled: true,
        alert_name: None,
    };
    let settings = Value::Object(channel.settings.expose().clone());
    sqlx::query!(
        "
        WITH disabled AS (
            INSERT INTO heartbeat.disabled_channels (channel, settings_hash, reason)
            SELECT 'channel:' || id, $3, $4 FROM heartbeat.channels WHERE id = $1 AND settings = $2
            ON CONFLICT (channel) DO UPDATE
            SET settings_hash = excluded.settings_hash,
                disabled_at = excluded.disabled_at,
                reason = excluded.reason
            WHERE disabled_channels.settings_hash <> excluded.settings_hash
               OR disabled_channels.reason <> excluded.reason
            RETURNING channel
        )
        INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload)
        SELECT other.channel, 'channel.failing', now(), $5
        FROM disabled, (
            SELECT 'channel:' || id AS channel FROM heartbeat.channels WHERE audience = 'owner'
            UNION ALL
            SELECT $6 WHERE $7
        ) AS other
        WHERE other.channel <> disabled.channel
          AND other.channel NOT IN (SELECT channel FROM heartbeat.disabled_channels)
        ",
        channel.id,
        settings,
        settings_hash(&settings),
        UNSUBSCRIBED,
        serde_json::to_value(&failing).unwrap_or_default(),
        CONFIGURED_DISCORD,
        has_configured,
    )
    .execute(connection)
    .await
    .map(drop)
}
