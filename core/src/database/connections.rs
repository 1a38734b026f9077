//! Statements on the WebSocket connections that API Gateway holds.

use super::connection::Connection;

/// Adds a connection.
pub async fn add(connection: &mut Connection, id: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("INSERT INTO heartbeat.connections (id) VALUES ($1) ON CONFLICT (id) DO NOTHING", id)
        .execute(connection)
        .await
        .map(drop)
}

/// Removes connections.
pub async fn remove(connection: &mut Connection, ids: &[String]) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM heartbeat.connections WHERE id = ANY ($1)", ids)
        .execute(connection)
        .await
        .map(drop)
}

/// Returns the ids of all connections.
pub async fn all(connection: &mut Connection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!("SELECT id FROM heartbeat.connections").fetch_all(connection).await
}
