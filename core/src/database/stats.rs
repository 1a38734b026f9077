//! Statements on the stats and the visits.

use time::OffsetDateTime;

use super::connection::Connection;
use crate::{
    device::NAME_MAX_CHARS,
    settings::Choices,
    stats::{StoredDevice, StoredStats},
};

/// Reads the stored stats as of one moment. Times that lie in the future, or before there were Unix times, are not
/// believed: a beat at such a time has no time. So every value that is stored can be read. Returns the boundary of the
/// published figures, too, if there are any; these are not read with the stats.
pub async fn read(connection: &mut Connection) -> Result<(StoredStats, Option<OffsetDateTime>), sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT
            clock_timestamp() AS "as_of!",
            stats.total_visits,
            GREATEST(LEAST(stats.server_start_time, clock_timestamp()), 'epoch') AS "server_start_time!",
            floor(extract(epoch FROM
                GREATEST(LEAST(stats.longest_absence, interval '9999 years'), interval '0')
            ))::bigint AS "longest_absence!",
            (SELECT value FROM heartbeat.settings WHERE name = 'precision') AS precision,
            (SELECT value FROM heartbeat.settings WHERE name = 'history') AS history,
            (SELECT value FROM heartbeat.settings WHERE name = 'timezone') AS timezone,
            (SELECT as_of FROM heartbeat.published_stats) AS published_as_of,
            device.id AS "id?",
            former.former_id AS "former_id?",
            left(device.name, $1) AS name,
            device.visibility = 'public' AND device.archived_at IS NULL AS is_public,
            device.num_beats AS "num_beats?",
            CASE WHEN device.last_beat BETWEEN 'epoch' AND clock_timestamp() THEN device.last_beat END AS last_beat
        FROM heartbeat.stats
        LEFT JOIN heartbeat.devices AS device ON true
        LEFT JOIN heartbeat.former_ids AS former ON former.device = device.id
        ORDER BY device.id
        "#,
        i32::from(NAME_MAX_CHARS),
    )
    .fetch_all(connection)
    .await?;
    let totals = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    let published_as_of = totals.published_as_of;
    let stored = StoredStats {
        as_of: totals.as_of,
        started_at: totals.server_start_time,
        visits: totals.total_visits,
        longest_absence: totals.longest_absence,
        chosen: Choices::stored(
            totals.precision.as_deref(),
            totals.history.as_deref(),
            totals.timezone.as_deref(),
        ),
        published: None,
        devices: rows
            .iter()
            .filter_map(|row| {
                Some(StoredDevice {
                    id: row.id?,
                    former_id: row.former_id,
                    name: row.name.as_deref().map(Into::into),
                    is_public: row.is_public?,
                    last_beat: row.last_beat,
                    num_beats: row.num_beats?,
                })
            })
            .collect(),
    };
    Ok((stored, published_as_of))
}

/// Adds `visits` to the number of page views, and returns the new total, at most the largest number that is exact in
/// JavaScript.
pub async fn add_visits(connection: &mut Connection, visits: i64) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        "
        UPDATE heartbeat.stats
        SET total_visits = LEAST(total_visits, 9007199254740991 - $1) + $1
        RETURNING total_visits
        ",
        visits
    )
    .fetch_one(connection)
    .await
}
