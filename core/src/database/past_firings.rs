//! Firings of which nothing is left to tell, for the owner to look back.

use super::{
    connection::Connection,
    firings::{self, Row},
};
use crate::alert::firing::Firing;

/// Returns the last firings of an alert of which nothing is left to tell, and what they told: at most `limit`, the newest first.
pub async fn of_alert(
    connection: &mut Connection,
    alert: i64,
    limit: i64,
) -> Result<Vec<Firing>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "
        SELECT
            id, alert, name, device, since, fired_at, repetitions, repeated_at, ended_at, ended_by, minutes, last_minute,
            reached_at, reached_by, resolved_at
        FROM heartbeat.alert_firings
        WHERE alert = $1 AND resolved_at IS NOT NULL
        ORDER BY since DESC, id DESC
        LIMIT $2
        ",
        alert,
        limit,
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut past: Vec<Firing> = rows.into_iter().map(Firing::from).collect();
    let ids: Vec<i64> = past.iter().filter_map(|firing| firing.id).collect();
    for (id, note) in firings::notes(connection, &ids).await? {
        past.iter_mut()
            .filter(|firing| firing.id == Some(id))
            .for_each(|firing| firing.told.push(note.clone()));
    }
    Ok(past)
}
