//! Statements on the public figures as of the last boundary. Each is one statement, and so one moment: what is counted and
//! what is left out of the count belong together.

use std::time::Duration;

use time::OffsetDateTime;

use super::connection::Connection;
use crate::{
    device::NAME_MAX_CHARS,
    settings::{Precision, Timezone},
    stats::{PublishedStats, StoredDevice},
};

/// Seconds for which a beat may have waited for its commit: a statement takes two at most.
const COMMIT_DELAY_MAX: f64 = 60.0;

/// Reads the figures, which are to be shown with this precision; `None` if there are none. A device that was hidden or
/// archived since is not public.
pub async fn read(
    connection: &mut Connection,
    precision: Precision,
    timezone: &Timezone,
) -> Result<Option<PublishedStats>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT
            stats.as_of,
            stats.visits,
            floor(extract(epoch FROM stats.longest_absence))::bigint AS "longest_absence!",
            device.id AS "id?",
            former.former_id AS "former_id?",
            left(published.name, $1) AS name,
            published.is_public AND device.visibility = 'public' AND device.archived_at IS NULL AS is_public,
            published.num_beats AS "num_beats?",
            published.last_beat
        FROM heartbeat.published_stats AS stats
        LEFT JOIN heartbeat.published_devices AS published ON true
        LEFT JOIN heartbeat.devices AS device ON device.id = published.device
        LEFT JOIN heartbeat.former_ids AS former ON former.device = device.id
        ORDER BY device.id
        "#,
        i32::from(NAME_MAX_CHARS),
    )
    .fetch_all(connection)
    .await?;
    let devices = rows.iter().filter_map(|row| {
        Some(StoredDevice {
            id: row.id?,
            former_id: row.former_id,
            name: row.name.as_deref().map(Into::into),
            is_public: row.is_public?,
            last_beat: row.last_beat,
            num_beats: row.num_beats?,
        })
    });
    Ok(rows.first().map(|totals| PublishedStats {
        as_of: totals.as_of,
        precision,
        timezone: timezone.clone(),
        visits: totals.visits,
        longest_absence: totals.longest_absence,
        devices: devices.collect(),
    }))
}

/// Begins with the present figures, which were public a moment ago, in place of any that there are.
pub async fn start(connection: &mut Connection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        WITH started AS (
            INSERT INTO heartbeat.published_stats (as_of, visits, longest_absence)
            SELECT
                clock_timestamp(),
                total_visits,
                GREATEST(LEAST(longest_absence, interval '9999 years'), interval '0')
            FROM heartbeat.stats
            ON CONFLICT (_id) DO UPDATE
            SET as_of = EXCLUDED.as_of, visits = EXCLUDED.visits, longest_absence = EXCLUDED.longest_absence
            RETURNING as_of
        )
        INSERT INTO heartbeat.published_devices (device, name, is_public, num_beats, last_beat)
        SELECT
            device.id,
            device.name,
            device.visibility = 'public' AND device.archived_at IS NULL,
            device.num_beats,
            CASE WHEN device.last_beat BETWEEN 'epoch' AND clock_timestamp() THEN device.last_beat END
        FROM started, heartbeat.devices AS device
        ON CONFLICT (device) DO UPDATE
        SET name = EXCLUDED.name,
            is_public = EXCLUDED.is_public,
            num_beats = EXCLUDED.num_beats,
            last_beat = EXCLUDED.last_beat
        RETURNING device
        "#
    )
    .fetch_all(connection)
    .await
    .map(drop)
}

/// Moves the figures on from `previous` to `boundary`, unless another process has. Beats at the boundary and after it are
/// left out; only those are read, and those since `previous`. Devices that were registered since the boundary are, too.
///
/// The longest absence of the present is that of the boundary unless a beat since may have ended it.
pub async fn roll_forward(
    connection: &mut Connection,
    previous: OffsetDateTime,
    boundary: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query_file!("src/database/published/roll_forward.sql", previous, boundary, COMMIT_DELAY_MAX)
        .fetch_all(connection)
        .await
        .map(drop)
}

/// Allows the statements after it, up to the next commit, more time than others.
pub async fn allow(connection: &mut Connection, timeout: Duration) -> Result<(), sqlx::Error> {
    connection.ensure_transaction().await?;
    let timeout = timeout.as_millis().to_string();
    sqlx::query!("SELECT set_config('statement_timeout', $1, true)", timeout)
        .fetch_one(connection)
        .await
        .map(drop)
}

/// Removes the figures: everything public is exact.
pub async fn clear(connection: &mut Connection) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        WITH stats AS (DELETE FROM heartbeat.published_stats)
        DELETE FROM heartbeat.published_devices
        "
    )
    .execute(connection)
    .await
    .map(drop)
}
