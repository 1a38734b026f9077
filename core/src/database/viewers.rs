//! Statements on the viewers whose WebSockets API Gateway holds.

use super::connection::Connection;

/// A viewer as it connects.
#[derive(Debug, Clone, Copy)]
pub struct NewViewer<'a> {
    /// Connection id.
    pub id: &'a str,
    /// Number that stands for its client IP, if that is known.
    pub client: Option<i16>,
    /// Whether it wants a frame at changes alone, if it says so.
    pub only_changes: Option<bool>,
}

/// A viewer as the database has it.
#[derive(Debug)]
pub struct StoredViewer {
    /// Connection id.
    pub id: String,
    /// Whether it wants a frame at changes alone.
    pub only_changes: bool,
    /// Whether its connection may not have been fully opened yet.
    pub is_opening: bool,
}

/// Adds a viewer if there are fewer than `max`, and fewer than `max_per_client` of its client; changes the frames of one
/// that is there. Returns whether it has a place.
///
/// Processes that do this at the same time do not see each other's viewers: there may be as many above a maximum as
/// there are such processes, less one. Counting stops at the maximum, so that the cost is bounded; a viewer that is
/// there is not counted. To count 10,000 takes about a millisecond.
pub async fn register(
    connection: &mut Connection,
    viewer: NewViewer<'_>,
    max: i64,
    max_per_client: i64,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        WITH known AS (
            SELECT only_changes FROM heartbeat.viewers WHERE id = $1
        ), wanted AS (
            SELECT COALESCE($3::boolean, (SELECT only_changes FROM known), false) AS only_changes
        ), registered AS (
            INSERT INTO heartbeat.connections AS connection (id, client, only_changes)
            SELECT $1::text, $2::smallint, wanted.only_changes
            FROM wanted
            WHERE CASE
                WHEN EXISTS (SELECT FROM known) THEN (SELECT known.only_changes <> wanted.only_changes FROM known)
                ELSE
                    (SELECT count(*) FROM (SELECT FROM heartbeat.viewers LIMIT $4) AS taken) < $4
                    AND (
                        SELECT count(*) FROM (SELECT FROM heartbeat.viewers WHERE client = $2 LIMIT $5) AS taken
                    ) < $5
            END
            ON CONFLICT (id) DO UPDATE
            SET client = excluded.client,
                only_changes = excluded.only_changes,
                connected_at = excluded.connected_at
            RETURNING connection.id
        )
        SELECT EXISTS (SELECT FROM known) OR EXISTS (SELECT FROM registered) AS "has_place!"
        "#,
        viewer.id,
        viewer.client,
        viewer.only_changes,
        max,
        max_per_client,
    )
    .fetch_one(connection)
    .await
}

/// Removes connections.
pub async fn remove(connection: &mut Connection, ids: &[String]) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM heartbeat.connections WHERE id = ANY ($1)", ids)
        .execute(connection)
        .await
        .map(drop)
}

/// Removes connections that API Gateway has closed, whether or not it told. Returns how many there were.
pub async fn remove_expired(connection: &mut Connection) -> Result<u64, sqlx::Error> {
    sqlx::query!(
        "
        DELETE FROM heartbeat.connections
        WHERE NOT EXISTS (SELECT FROM heartbeat.viewers WHERE viewers.id = connections.id)
        "
    )
    .execute(connection)
    .await
    .map(|removed| removed.rows_affected())
}
