//! What alerts need to know of channels, besides who reads them.

use super::connection::Connection;
use crate::{
    alert::situation::AlertChannel,
    channel::{self, CONFIGURED_DISCORD},
};

/// Notes which channels nothing is sent to, and which want all alerts: a channel that subscribes to one of the events
/// `alert.fired` and `alert.resolved` gets both, since all who are told the one are told the other.
pub async fn note_settings(
    connection: &mut Connection,
    channels: &mut [AlertChannel],
) -> Result<(), sqlx::Error> {
    let row = sqlx::query!(
        r#"
        SELECT
            ARRAY(
                SELECT disabled.channel
                FROM heartbeat.disabled_channels AS disabled
                LEFT JOIN heartbeat.dispatch_leases AS lease ON lease.channel = disabled.channel
                -- Another URL in the configuration enables its channel.
                WHERE disabled.channel <> $1 OR lease.settings_hash IS NOT DISTINCT FROM disabled.settings_hash
            ) AS "disabled!",
            ARRAY(
                SELECT channel FROM heartbeat.subscriptions WHERE kind IN ('alert.fired', 'alert.resolved')
            ) AS "wanting!"
        "#,
        CONFIGURED_DISCORD,
    )
    .fetch_one(connection)
    .await?;
    for channel in channels {
        let key = channel::key(channel.id);
        channel.is_disabled = row.disabled.contains(&key);
        channel.wants_all = row.wanting.contains(&key);
    }
    Ok(())
}
