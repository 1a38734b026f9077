//! The lease on pushing frames to the connections of API Gateway, so that there is one pusher at a time.

use super::connection::Connection;

/// Takes the lease for `holder`, or renews it; false if another pusher holds it.
pub async fn claim(connection: &mut Connection, holder: &str, seconds: f64) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        UPDATE heartbeat.pusher
        SET holder = $1, expires_at = now() + make_interval(secs => $2)
        WHERE holder = $1 OR expires_at <= now()
        RETURNING true AS "claimed!"
        "#,
        holder,
        seconds,
    )
    .fetch_optional(connection)
    .await
    .map(|claimed| claimed.is_some())
}

/// Releases the lease of `holder`.
pub async fn release(connection: &mut Connection, holder: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE heartbeat.pusher SET expires_at = '-infinity' WHERE holder = $1", holder)
        .execute(connection)
        .await
        .map(drop)
}

/// Whether a pusher holds the lease.
pub async fn is_held(connection: &mut Connection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT expires_at > now() AS "held!" FROM heartbeat.pusher"#)
        .fetch_one(connection)
        .await
}
