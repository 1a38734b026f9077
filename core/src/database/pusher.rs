//! The lease on pushing frames to the connections of API Gateway, so that there is one pusher at a time.

use super::{connection::Connection, connections::StoredViewer};

/// Takes the lease for `holder`, or renews it, for some `seconds`. Returns the viewers; `None` if another pusher holds the
/// lease. Connections that are younger than `opening_seconds` may not be open yet.
pub async fn claim(
    connection: &mut Connection,
    holder: &str,
    seconds: f64,
    opening_seconds: f64,
) -> Result<Option<Vec<StoredViewer>>, sqlx::Error> {
    // One row without a viewer says that the lease was taken, and that there are no viewers.
    let rows = sqlx::query!(
        r#"
        WITH claimed AS (
            UPDATE heartbeat.pusher
            SET holder = $1, expires_at = now() + make_interval(secs => $2)
            WHERE holder = $1 OR expires_at <= now()
            RETURNING holder
        )
        SELECT
            viewer.id AS "id?",
            viewer.only_changes AS "only_changes?",
            abs(extract(epoch FROM now() - viewer.connected_at)) < $3::float8 AS "is_opening?"
        FROM claimed
        LEFT JOIN heartbeat.viewers AS viewer ON true
        "#,
        holder,
        seconds,
        opening_seconds,
    )
    .fetch_all(connection)
    .await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let viewers = rows.into_iter().filter_map(|row| {
        let (only_changes, is_opening) = (row.only_changes?, row.is_opening?);
        Some(StoredViewer { id: row.id?, only_changes, is_opening })
    });
    Ok(Some(viewers.collect()))
}

/// Releases the lease of `holder`.
pub async fn release(connection: &mut Connection, holder: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE heartbeat.pusher SET expires_at = '-infinity' WHERE holder = $1", holder)
        .execute(connection)
        .await
        .map(drop)
}

/// Whether a pusher must be started: there are viewers, and none holds the lease.
pub async fn is_needed(connection: &mut Connection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        SELECT expires_at <= now() AND EXISTS (SELECT FROM heartbeat.viewers) AS "needed!"
        FROM heartbeat.pusher
        "#
    )
    .fetch_one(connection)
    .await
}
