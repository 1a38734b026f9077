//! Channels of Telegram whose chat is still to be found.

use serde_json::{Value, json};

use super::connection::Connection;
use crate::secret::Secret;

/// Such a channel.
#[derive(Debug)]
pub struct UnlinkedChannel {
    /// Channel id.
    pub id: i64,
    /// Settings, secrets included.
    pub settings: Secret<Value>,
    /// The code that its reader sends to the bot.
    pub start_code: String,
}

/// Returns the channels without a chat that were made or changed within the last `seconds`, ordered by id.
pub async fn unlinked(
    connection: &mut Connection,
    seconds: f64,
) -> Result<Vec<UnlinkedChannel>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT id, settings, start_code AS "start_code!"
        FROM heartbeat.channels
        WHERE kind = 'telegram' AND start_code IS NOT NULL AND NOT settings ? 'chat_id'
            AND start_code_at > now() - make_interval(secs => $1)
        ORDER BY id
        "#,
        seconds,
    )
    .fetch_all(connection)
    .await?;
    let channel =
        |id, settings, start_code| UnlinkedChannel { id, settings: Secret::new(settings), start_code };
    Ok(rows.into_iter().map(|row| channel(row.id, row.settings, row.start_code)).collect())
}

/// Keeps the name of the bot of a channel.
pub async fn set_bot_name(connection: &mut Connection, id: i64, name: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE heartbeat.channels SET settings = settings || $2 WHERE id = $1",
        id,
        json!({ "bot_name": name }),
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Keeps the chat in which `start_code` was sent, as settings, and tries the channel out: a friend is asked to confirm it. Returns
/// whether there is a channel that still waits for this code.
pub async fn link(
    connection: &mut Connection,
    id: i64,
    start_code: &str,
    chat: Value,
) -> Result<bool, sqlx::Error> {
    let linked = sqlx::query!(
        "
        WITH linked AS (
            UPDATE heartbeat.channels
            SET settings = settings || $3, start_code = NULL
            WHERE id = $1 AND start_code = $2
            RETURNING id, audience, confirmed_at
        ), tested AS (
            INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload)
            SELECT 'channel:' || id, 'test', now(), '{}' FROM linked WHERE audience = 'owner'
        ), asked AS (
            INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload)
            SELECT 'channel:' || id, 'channel.confirm', now(), '{}' FROM linked
            WHERE audience = 'friend'
              AND confirmed_at IS NULL
              -- It waits for a day only.
              AND NOT EXISTS (
                  SELECT FROM heartbeat.outbox AS earlier
                  WHERE earlier.channel = 'channel:' || linked.id
                    AND earlier.kind = 'channel.confirm'
                    AND earlier.dead_at IS NULL
              )
        )
        SELECT id FROM linked
        ",
        id,
        start_code,
        chat,
    )
    .fetch_optional(connection)
    .await?;
    Ok(linked.is_some())
}
