//! The legacy import: converts the tables of the legacy schema, which have the same names as the current ones.
//!
//! They are moved to a schema of their own, the migrations create the current tables as in any database, and all rows
//! are copied. The result is the same as that of a database which never had the legacy schema. All of it happens in
//! one transaction, the caller's.

use super::{
    connection::Connection,
    error::DatabaseError,
    migrations,
    rebuild_counters::{NEXT_ID_MAX, rebuild_counters},
};
use crate::{
    device::ID_MAX,
    error::SchemaProblem,
    progress::{Observer, Progress},
};

/// Number of blocks of the legacy table (8 kB each, 157 beats) that one statement copies. It takes a fraction of a
/// second, after which progress is reported and an interruption noticed.
const BATCH_BLOCKS: i64 = 2_000;

/// Counts of the imported rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LegacyImport {
    /// Number of devices.
    pub devices: i64,
    /// Number of beats.
    pub beats: i64,
}

/// Imports the legacy schema. Names, beats, visits, the start time and the longest absence stay as they are, and so do
/// ids that are exact in JavaScript; of the tokens only the hashes are kept. Fails, having changed nothing, if the tables are in use or two devices share
/// a token.
pub(super) async fn import_legacy(
    connection: &mut Connection,
    observer: &mut impl Observer,
) -> Result<LegacyImport, DatabaseError> {
    move_legacy_tables(connection).await?;
    migrations::apply_missing(connection).await?;
    give_small_ids(connection).await?;
    copy_devices(connection).await?;
    let beats = copy_beats(connection, observer).await?;
    observer.observe(Progress { step: "counting beats", done: 0, total: None });
    rebuild_counters(connection).await?;
    copy_stats(connection).await?;
    let devices = sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM heartbeat.devices"#)
        .fetch_one(&mut *connection)
        .await?;
    drop_legacy_tables(connection).await?;
    Ok(LegacyImport { devices, beats })
}

/// Moves the legacy tables, with their keys and indexes, to a schema of their own.
async fn move_legacy_tables(connection: &mut Connection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(
        "
        SET LOCAL lock_timeout = '10s';
        LOCK TABLE heartbeat.devices, heartbeat.beats, heartbeat.stats IN ACCESS EXCLUSIVE MODE;
        CREATE SCHEMA heartbeat_legacy;
        ALTER TABLE heartbeat.devices SET SCHEMA heartbeat_legacy;
        ALTER TABLE heartbeat.beats SET SCHEMA heartbeat_legacy;
        ALTER TABLE heartbeat.stats SET SCHEMA heartbeat_legacy;
        ",
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Gives devices whose ids are not exact in JavaScript small ones, and keeps the former ones. The devices of beats count
/// that have no row of their own.
async fn give_small_ids(connection: &mut Connection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        WITH known AS MATERIALIZED (
            SELECT id FROM heartbeat_legacy.devices UNION SELECT device FROM heartbeat_legacy.beats
        )
        INSERT INTO heartbeat.former_ids (former_id, device)
        SELECT
            id,
            (SELECT COALESCE(max(id), -1) FROM known WHERE id BETWEEN 0 AND $2) + row_number() OVER (ORDER BY id)
        FROM known
        WHERE id NOT BETWEEN 0 AND $1
        ",
        ID_MAX,
        NEXT_ID_MAX,
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Copies the devices, with the hashes of their tokens.
async fn copy_devices(connection: &mut Connection) -> Result<(), DatabaseError> {
    let shared = sqlx::query!(
        r#"
        SELECT min(id) AS "one!", max(id) AS "other!"
        FROM heartbeat_legacy.devices
        GROUP BY token
        HAVING count(*) > 1
        ORDER BY min(id)
        LIMIT 1
        "#
    )
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(devices) = shared {
        return Err(SchemaProblem::SharedToken { one: devices.one, other: devices.other }.into());
    }
    sqlx::query!(
        "
        INSERT INTO heartbeat.devices (id, name, token_hash, created_at)
        SELECT COALESCE(former.device, legacy.id), legacy.name, sha256(convert_to(legacy.token, 'UTF8')), NULL
        FROM heartbeat_legacy.devices AS legacy
        LEFT JOIN heartbeat.former_ids AS former ON former.former_id = legacy.id
        "
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Copies the beats in batches of the legacy table's blocks, and returns their number.
async fn copy_beats(connection: &mut Connection, observer: &mut impl Observer) -> Result<i64, sqlx::Error> {
    let size = sqlx::query!(
        r#"
        SELECT
            pg_relation_size('heartbeat_legacy.beats') / current_setting('block_size')::bigint AS "blocks!",
            (SELECT count(*) FROM heartbeat_legacy.beats) AS "rows!"
        "#
    )
    .fetch_one(&mut *connection)
    .await?;
    let mut copied = 0;
    let mut first = 0;
    while first < size.blocks {
        copied += sqlx::query!(
            "
            INSERT INTO heartbeat.beats (device, time_stamp)
            SELECT COALESCE(former.device, legacy.device), legacy.time_stamp
            FROM heartbeat_legacy.beats AS legacy
            LEFT JOIN heartbeat.former_ids AS former ON former.former_id = legacy.device
            WHERE legacy.ctid >= ('(' || $1::bigint || ',0)')::tid
              AND legacy.ctid < ('(' || $2::bigint || ',0)')::tid
            ",
            first,
            first + BATCH_BLOCKS,
        )
        .execute(&mut *connection)
        .await?
        .rows_affected()
        .cast_signed();
        observer.observe(Progress { step: "copying beats", done: copied, total: Some(size.rows) });
        first += BATCH_BLOCKS;
    }
    Ok(size.rows)
}

/// Copies the stats. Missing values are computed from the beats, but for those whose time cannot be: the legacy service
/// writes all of them at its first beat.
async fn copy_stats(connection: &mut Connection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        WITH believed AS MATERIALIZED (
            SELECT time_stamp FROM heartbeat.beats WHERE time_stamp BETWEEN 'epoch' AND clock_timestamp()
        )
        UPDATE heartbeat.stats
        SET total_visits = COALESCE(legacy.total_visits, 0),
            server_start_time = COALESCE(
                legacy.server_start_time,
                (SELECT min(time_stamp) FROM believed),
                stats.server_start_time
            ),
            longest_absence = COALESCE(
                legacy.longest_absence,
                (
                    SELECT max(gap)
                    FROM (
                        SELECT time_stamp - lag(time_stamp) OVER (ORDER BY time_stamp) AS gap
                        FROM believed
                    ) AS gaps
                ),
                stats.longest_absence
            )
        FROM (VALUES (0)) AS always
        LEFT JOIN (
            SELECT total_visits, server_start_time, longest_absence
            FROM heartbeat_legacy.stats
            ORDER BY server_start_time
            LIMIT 1
        ) AS legacy ON true
        "
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Drops the legacy tables and their schema.
async fn drop_legacy_tables(connection: &mut Connection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(
        "
        DROP TABLE heartbeat_legacy.devices, heartbeat_legacy.beats, heartbeat_legacy.stats;
        DROP SCHEMA heartbeat_legacy;
        ",
    )
    .execute(connection)
    .await
    .map(drop)
}
