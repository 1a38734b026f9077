//! Statements on firings that the links in notifications are about.

use time::OffsetDateTime;

use super::connection::Connection;
use crate::{alert::firing::REACHED_PAUSE, link::Link};

/// A firing whose absence goes on.
#[derive(Debug)]
pub struct OpenFiring {
    /// Name of the alert.
    pub name: String,
    /// When a friend said that they have reached the owner, within [`REACHED_PAUSE`].
    pub reached_at: Option<OffsetDateTime>,
}

/// Returns the firing that a link is about, if its absence goes on, and if the channel was told of it and is still there, with the
/// same address; 0 is the one that the configuration names, which always is.
pub async fn open(connection: &mut Connection, link: Link) -> Result<Option<OpenFiring>, sqlx::Error> {
    sqlx::query_as!(
        OpenFiring,
        "
        SELECT name, CASE WHEN reached_at BETWEEN now() - make_interval(secs => $4) AND now() THEN reached_at END AS reached_at
        FROM heartbeat.alert_firings
        WHERE id = $1 AND ended_at IS NULL
          AND EXISTS (SELECT FROM heartbeat.alert_notifications WHERE firing = $1 AND channel = $2)
          AND ($2 = 0 OR EXISTS (SELECT FROM heartbeat.channels WHERE id = $2 AND address_version = $3))
        ",
        link.firing,
        link.channel,
        link.address_version,
        REACHED_PAUSE.as_seconds_f64(),
    )
    .fetch_optional(connection)
    .await
}

/// Records that the owner is well, if the absence that a link is about goes on. Returns whether it does.
pub async fn record_ok(connection: &mut Connection, link: Link) -> Result<bool, sqlx::Error> {
    let recorded = sqlx::query!(
        "
        UPDATE heartbeat.owner SET ok_at = now()
        WHERE EXISTS (
            SELECT FROM heartbeat.alert_firings
            WHERE id = $1 AND ended_at IS NULL
              AND EXISTS (SELECT FROM heartbeat.alert_notifications WHERE firing = $1 AND channel = $2)
              AND ($2 = 0 OR EXISTS (SELECT FROM heartbeat.channels WHERE id = $2 AND address_version = $3))
        )
        ",
        link.firing,
        link.channel,
        link.address_version,
    )
    .execute(connection)
    .await?;
    Ok(recorded.rows_affected() > 0)
}

/// Records on all firings whose absences go on that the reader of the channel has reached the owner, if it was told of the
/// firing that the link is about. Within [`REACHED_PAUSE`], the friend who said so first stays the one. Returns whether that
/// absence goes on.
pub async fn record_reached(connection: &mut Connection, link: Link) -> Result<bool, sqlx::Error> {
    let recorded = sqlx::query!(
        "
        UPDATE heartbeat.alert_firings
        SET reached_at = CASE WHEN is_reached THEN reached_at ELSE now() END,
            reached_by = CASE WHEN is_reached THEN reached_by ELSE $2 END
        FROM (
            SELECT id AS known, COALESCE(reached_at BETWEEN now() - make_interval(secs => $4) AND now(), false) AS is_reached
            FROM heartbeat.alert_firings
            WHERE ended_at IS NULL
            FOR UPDATE
        ) AS open
        WHERE id = known
          AND EXISTS (SELECT FROM heartbeat.alert_firings WHERE id = $1 AND ended_at IS NULL)
          AND EXISTS (SELECT FROM heartbeat.alert_notifications WHERE firing = $1 AND channel = $2)
          AND ($2 = 0 OR EXISTS (SELECT FROM heartbeat.channels WHERE id = $2 AND address_version = $3))
        ",
        link.firing,
        link.channel,
        link.address_version,
        REACHED_PAUSE.as_seconds_f64(),
    )
    .execute(connection)
    .await?;
    Ok(recorded.rows_affected() > 0)
}
