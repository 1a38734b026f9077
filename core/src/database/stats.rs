//! Statements on the stats and the visits.

use sqlx::PgConnection;

use crate::stats::{StoredDevice, StoredStats};

/// Reads the stored stats as of one moment.
pub async fn read(connection: &mut PgConnection) -> Result<StoredStats, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT
            stats.total_visits,
            stats.server_start_time,
            floor(extract(epoch FROM stats.longest_absence))::bigint AS "longest_absence!",
            device.id AS "id?",
            device.name AS "name?",
            device.num_beats AS "num_beats?",
            device.last_beat AS "last_beat?"
        FROM heartbeat.stats LEFT JOIN heartbeat.devices AS device ON true
        ORDER BY device.id
        "#
    )
    .fetch_all(connection)
    .await?;
    let totals = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    Ok(StoredStats {
        started_at: totals.server_start_time,
        visits: totals.total_visits,
        longest_absence: totals.longest_absence,
        devices: rows
            .iter()
            .filter_map(|row| {
                Some(StoredDevice {
                    id: row.id?,
                    name: row.name.as_deref().map(Into::into),
                    last_beat: row.last_beat,
                    num_beats: row.num_beats?,
                })
            })
            .collect(),
    })
}

/// Adds `visits` to the number of page views, and returns the new total.
pub async fn add_visits(connection: &mut PgConnection, visits: i64) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        "UPDATE heartbeat.stats SET total_visits = total_visits + $1 RETURNING total_visits",
        visits
    )
    .fetch_one(connection)
    .await
}
