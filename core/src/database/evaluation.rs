//! The turn to evaluate alerts, and the outages that are noticed by it.

use std::time::Duration;

use super::connection::Connection;

/// What the situation of alerts is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To decide: events that no attempt was made to send stay so until the transaction ends, and what is unusual is kept.
    Decide,
    /// To show: nothing is locked or written.
    Show,
}

/// Time without an evaluation from which on the service could hear no beat. Shorter ones do not matter: alerts are about
/// longer absences, and devices in use beat each minute.
const OUTAGE_MIN: Duration = Duration::from_mins(10);

/// Age at which outages are deleted: more than the longest absence that an alert can be about, and than the year of a
/// preview.
const OUTAGE_MAX_AGE: Duration = Duration::from_hours(400 * 24);

/// How many of them are deleted when another one is recorded: more than one, so that those of a dump go, too.
const OUTAGES_DELETED_MAX: i64 = 1_000;

/// A turn to evaluate alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Whether there is an alert, or something may be left to tell of one.
    pub has_work: bool,
}

/// Takes the turn to evaluate alerts, until the transaction ends: no other process does meanwhile. Records an outage, if no
/// alerts were evaluated for long, and deletes old ones then. Returns `None` if another process has the turn.
pub async fn claim(connection: &mut Connection) -> Result<Option<Turn>, sqlx::Error> {
    connection.ensure_transaction().await?;
    sqlx::query_as!(
        Turn,
        r#"
        WITH claimed AS (
            SELECT evaluated_at FROM heartbeat.alert_evaluation FOR UPDATE SKIP LOCKED
        ), recorded AS (
            INSERT INTO heartbeat.outages (started_at, ended_at)
            SELECT evaluated_at, clock_timestamp()
            FROM claimed
            WHERE evaluated_at < clock_timestamp() - make_interval(secs => $1)
            ON CONFLICT (started_at) DO NOTHING
            RETURNING started_at
        ), deleted AS (
            DELETE FROM heartbeat.outages
            WHERE started_at IN (
                SELECT started_at
                FROM heartbeat.outages
                WHERE ended_at < clock_timestamp() - make_interval(secs => $2) AND EXISTS (SELECT FROM recorded)
                ORDER BY ended_at
                LIMIT $3
            )
        ), evaluated AS (
            UPDATE heartbeat.alert_evaluation SET evaluated_at = clock_timestamp() FROM claimed
        )
        SELECT
            EXISTS (SELECT FROM heartbeat.alerts)
            OR EXISTS (SELECT FROM heartbeat.alert_firings WHERE resolved_at IS NULL) AS "has_work!"
        FROM claimed
        "#,
        OUTAGE_MIN.as_secs_f64(),
        OUTAGE_MAX_AGE.as_secs_f64(),
        OUTAGES_DELETED_MAX,
    )
    .fetch_optional(connection)
    .await
}
