//! Channels as their owner sees and changes them.

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::connection::Connection;
use crate::{
    channel::{
        Audience, CHANNELS_MAX, CONFIGURED_DISCORD, CONFIGURED_ID, CONFIGURED_NAME, ChannelUpdate, Failure,
        NO_ADDRESS, NewChannel, OwnedChannel,
    },
    device::DeviceName,
    secret::Secret,
};

/// A channel as the statements answer it.
struct Row {
    id: i64,
    name: String,
    kind: String,
    audience: String,
    settings: Value,
    address_version: i32,
    events: Vec<String>,
    confirmed_at: Option<OffsetDateTime>,
    start_code: Option<String>,
    disabled_at: Option<OffsetDateTime>,
    disabled_reason: Option<String>,
    delivered_at: Option<OffsetDateTime>,
    failed_at: Option<OffsetDateTime>,
    failure: Option<String>,
    waiting: i64,
    dead: i64,
}

impl From<Row> for OwnedChannel {
    fn from(row: Row) -> Self {
        let failure = |at: Option<_>, reason: Option<_>| Some(Failure { at: at?, reason: reason? });
        Self {
            id: row.id,
            name: row.name,
            kind: row.kind,
            // An audience that only a newer program knows is told no more than a friend.
            audience: Audience::parse(&row.audience).unwrap_or(Audience::Friend),
            settings: Secret::new(members(row.settings)),
            address_version: row.address_version,
            events: row.events,
            confirmed_at: row.confirmed_at,
            start_code: row.start_code,
            disabled: failure(row.disabled_at, row.disabled_reason),
            delivered_at: row.delivered_at,
            failing: failure(row.failed_at, row.failure),
            waiting: row.waiting,
            dead: row.dead,
        }
    }
}

fn members(settings: Value) -> Map<String, Value> {
    match settings {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Returns all channels, ordered by id. `configured`: the kinds of events that the channel of the configuration wants, if there
/// is one.
pub async fn all(
    connection: &mut Connection,
    configured: Option<&[String]>,
) -> Result<Vec<OwnedChannel>, sqlx::Error> {
    read(connection, None, configured).await
}

/// Returns the channel that has this id.
pub async fn one(
    connection: &mut Connection,
    id: i64,
    configured: Option<&[String]>,
) -> Result<Option<OwnedChannel>, sqlx::Error> {
    Ok(read(connection, Some(id), configured).await?.pop())
}

async fn read(
    connection: &mut Connection,
    id: Option<i64>,
    configured: Option<&[String]>,
) -> Result<Vec<OwnedChannel>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        WITH known AS (
            SELECT
                'channel:' || id AS key, id, name, kind, audience, settings, address_version, events, confirmed_at, start_code
            FROM heartbeat.channels
            UNION ALL
            SELECT $3, $4, $5, 'discord', 'owner', '{}', 0, $2, NULL, NULL
            WHERE $2::text[] IS NOT NULL
        )
        SELECT
            known.id AS "id!",
            known.name AS "name!",
            known.kind AS "kind!",
            known.audience AS "audience!",
            known.settings AS "settings!",
            known.address_version AS "address_version!",
            known.events AS "events!",
            known.confirmed_at,
            known.start_code,
            disabled.disabled_at AS "disabled_at?",
            disabled.reason AS "disabled_reason?",
            lease.delivered_at AS "delivered_at?",
            CASE WHEN lease.attempts > 0 THEN lease.failed_at END AS failed_at,
            lease.failure AS "failure?",
            (
                SELECT count(*) FROM heartbeat.outbox WHERE channel = known.key AND dead_at IS NULL
            ) AS "waiting!",
            (
                SELECT count(*) FROM heartbeat.outbox WHERE channel = known.key AND dead_at IS NOT NULL
            ) AS "dead!"
        FROM known
        LEFT JOIN heartbeat.dispatch_leases AS lease ON lease.channel = known.key
        LEFT JOIN heartbeat.disabled_channels AS disabled
            ON disabled.channel = known.key
            -- The configuration may name another URL since.
            AND (known.id <> $4 OR lease.channel IS NULL OR disabled.settings_hash = lease.settings_hash)
        WHERE $1::bigint IS NULL OR known.id = $1
        ORDER BY known.id
        "#,
        id,
        configured,
        CONFIGURED_DISCORD,
        CONFIGURED_ID,
        CONFIGURED_NAME,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(OwnedChannel::from).collect())
}

/// Adds a channel and returns its id; `None` if there are as many as there may be. A friend is asked to confirm it.
pub async fn add(
    connection: &mut Connection,
    channel: &NewChannel,
    start_code: Option<&str>,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        "
        WITH added AS (
            INSERT INTO heartbeat.channels (name, kind, audience, settings, events, start_code)
            SELECT $1, $2, $3, $4, $5, $6
            WHERE (SELECT count(*) FROM heartbeat.channels) < $7
            RETURNING id
        ), asked AS (
            INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload)
            SELECT 'channel:' || id, 'channel.confirm', now(), '{}' FROM added WHERE $3 = 'friend'
        )
        SELECT id FROM added
        ",
        channel.name.as_str(),
        &channel.kind,
        channel.audience.as_str(),
        Value::Object(channel.settings.expose().clone()),
        &channel.events,
        start_code,
        CHANNELS_MAX,
    )
    .fetch_optional(connection)
    .await
}

/// Changes a channel. Other settings enable it again. With another address it has another reader, who is asked to confirm it if
/// they are a friend, and knows nothing yet of the absences that go on. Returns whether there is a channel with this id.
pub async fn update(
    connection: &mut Connection,
    id: i64,
    update: &ChannelUpdate,
) -> Result<bool, sqlx::Error> {
    let updated = sqlx::query_file!(
        "src/database/owned_channels/update.sql",
        id,
        update.name.as_ref().map(DeviceName::as_str),
        update.settings.as_ref().map(|settings| Value::Object(settings.expose().clone())),
        update.events.as_deref(),
        update.enable,
        update.start_code,
        &NO_ADDRESS.map(str::to_owned),
    )
    .fetch_optional(connection)
    .await?;
    Ok(updated.is_some())
}

/// Deletes a channel, with what waits for it. Returns whether there was one with this id.
pub async fn delete(connection: &mut Connection, id: i64) -> Result<bool, sqlx::Error> {
    let deleted = sqlx::query!(
        "
        WITH deleted AS (
            DELETE FROM heartbeat.channels WHERE id = $1 RETURNING 'channel:' || id AS key
        ), events AS (
            DELETE FROM heartbeat.outbox USING deleted WHERE channel = deleted.key
        ), lease AS (
            DELETE FROM heartbeat.dispatch_leases USING deleted WHERE channel = deleted.key
        ), disabled AS (
            DELETE FROM heartbeat.disabled_channels USING deleted WHERE channel = deleted.key
        ), alerts AS (
            UPDATE heartbeat.alerts SET channels = array_remove(channels, $1)
            FROM deleted
            WHERE $1 = ANY (channels)
        )
        SELECT key FROM deleted
        ",
        id,
    )
    .fetch_optional(connection)
    .await?;
    Ok(deleted.is_some())
}

/// Puts a test for a channel into the outbox.
pub async fn test(connection: &mut Connection, key: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload) VALUES ($1, 'test', now(), '{}')",
        key,
    )
    .execute(connection)
    .await
    .map(drop)
}
