//! Statements on what Prometheus is told of the database: exact figures, for the owner alone.

use time::OffsetDateTime;

use super::connection::Connection;
use crate::{device::NAME_MAX_CHARS, stats::shown_count};

/// Metrics of the database. Beats that are recorded while they are read may be in one figure and not in another.
#[derive(Debug, Clone)]
pub struct StoredMetrics {
    /// All devices, hidden and archived ones included, ordered by id.
    pub devices: Vec<MeasuredDevice>,
    /// Longest absence in seconds, the ongoing one included.
    pub longest_absence: i64,
    /// Whether alerts are snoozed.
    pub is_snoozed: bool,
    /// Viewers whose WebSockets API Gateway holds.
    pub gateway_viewers: i64,
    /// Channels, and what waits for them.
    pub channels: Vec<WaitingEvents>,
    /// All alerts, ordered by id.
    pub alerts: Vec<MeasuredAlert>,
    /// When alerts were last evaluated, if they were.
    pub alerts_evaluated_at: Option<OffsetDateTime>,
}

/// A device as it is measured.
#[derive(Debug, Clone)]
pub struct MeasuredDevice {
    /// Device id.
    pub id: i64,
    /// Device name; `None` for devices that are hidden or archived.
    pub name: Option<String>,
    /// Time of its last beat, if there is one.
    pub last_beat: Option<OffsetDateTime>,
    /// Number of its beats.
    pub num_beats: i64,
}

/// Events that wait in the outbox for one channel.
#[derive(Debug, Clone)]
pub struct WaitingEvents {
    /// Key of the channel.
    pub channel: String,
    /// Number of events.
    pub events: i64,
    /// When the oldest of them happened or was written, whichever is earlier; `None` if none waits.
    pub oldest: Option<OffsetDateTime>,
}

/// An alert as it is measured.
#[derive(Debug, Clone, Copy)]
pub struct MeasuredAlert {
    /// Alert id.
    pub id: i64,
    /// Whether it has fired for an absence that goes on.
    pub is_firing: bool,
}

/// Reads all metrics of the database.
pub async fn read(connection: &mut Connection) -> Result<StoredMetrics, sqlx::Error> {
    let devices = devices(connection).await?;
    let channels = waiting_events(connection).await?;
    let alerts = alerts(connection).await?;
    let row = sqlx::query!(
        r#"
        SELECT
            clock_timestamp() AS "as_of!",
            floor(extract(epoch FROM
                GREATEST(LEAST(stats.longest_absence, interval '9999 years'), interval '0')
            ))::bigint AS "longest_absence!",
            COALESCE((SELECT snoozed_until > now() FROM heartbeat.owner), false) AS "is_snoozed!",
            (SELECT count(*) FROM heartbeat.viewers) AS "gateway_viewers!",
            (
                SELECT evaluated_at FROM heartbeat.alert_evaluation
                WHERE evaluated_at BETWEEN 'epoch' AND clock_timestamp()
            ) AS alerts_evaluated_at
        FROM heartbeat.stats
        "#
    )
    .fetch_one(connection)
    .await?;
    let last_beat = devices.iter().filter_map(|device| device.last_beat).max();
    let ongoing = last_beat.map_or(0, |last_beat| (row.as_of - last_beat).whole_seconds());
    Ok(StoredMetrics {
        devices,
        longest_absence: row.longest_absence.max(ongoing),
        is_snoozed: row.is_snoozed,
        gateway_viewers: row.gateway_viewers,
        channels,
        alerts,
        alerts_evaluated_at: row.alerts_evaluated_at,
    })
}

/// Reads the devices. Beats at times that are not believed have no time, as in the stats.
async fn devices(connection: &mut Connection) -> Result<Vec<MeasuredDevice>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT
            id,
            CASE WHEN visibility = 'public' AND archived_at IS NULL THEN COALESCE(left(name, $1), '') END AS name,
            num_beats,
            CASE WHEN last_beat BETWEEN 'epoch' AND clock_timestamp() THEN last_beat END AS last_beat
        FROM heartbeat.devices
        ORDER BY id
        "#,
        i32::from(NAME_MAX_CHARS),
    )
    .fetch_all(connection)
    .await?;
    let device = |id, name, last_beat, num_beats| MeasuredDevice {
        id,
        name,
        last_beat,
        num_beats: shown_count(num_beats),
    };
    Ok(rows.into_iter().map(|row| device(row.id, row.name, row.last_beat, row.num_beats)).collect())
}

/// Reads the alerts.
async fn alerts(connection: &mut Connection) -> Result<Vec<MeasuredAlert>, sqlx::Error> {
    sqlx::query_as!(
        MeasuredAlert,
        r#"
        SELECT
            id,
            EXISTS (
                SELECT FROM heartbeat.alert_firings AS firing
                WHERE firing.alert = alerts.id AND firing.resolved_at IS NULL AND firing.ended_at IS NULL
            ) AS "is_firing!"
        FROM heartbeat.alerts
        ORDER BY id
        "#
    )
    .fetch_all(connection)
    .await
}

/// Reads what waits in the outbox, for channels of the database and for any other that something waits for.
async fn waiting_events(connection: &mut Connection) -> Result<Vec<WaitingEvents>, sqlx::Error> {
    sqlx::query_as!(
        WaitingEvents,
        r#"
        WITH waiting AS (
            SELECT
                channel,
                count(*) AS events,
                GREATEST(min(LEAST(queued_at, happened_at)), 'epoch') AS oldest
            FROM heartbeat.outbox
            WHERE dead_at IS NULL
            GROUP BY channel
        )
        SELECT
            channel AS "channel!",
            COALESCE(waiting.events, 0) AS "events!",
            waiting.oldest
        FROM waiting
        FULL JOIN (SELECT 'channel:' || id AS channel FROM heartbeat.channels) AS known USING (channel)
        ORDER BY channel
        "#
    )
    .fetch_all(connection)
    .await
}
