//! Who may send frames to the connections of API Gateway: a lease, so that there is one at a time.

use sqlx::PgConnection;

/// Takes the lease for `holder`, or prolongs it; false if somebody else holds it.
pub async fn lead(connection: &mut PgConnection, holder: &str, seconds: f64) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        UPDATE heartbeat.pusher
        SET holder = $1, expires_at = now() + make_interval(secs => $2)
        WHERE holder = $1 OR expires_at <= now()
        RETURNING true AS "leads!"
        "#,
        holder,
        seconds,
    )
    .fetch_optional(connection)
    .await
    .map(|leads| leads.is_some())
}

/// Gives the lease of `holder` back.
pub async fn resign(connection: &mut PgConnection, holder: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE heartbeat.pusher SET expires_at = '-infinity' WHERE holder = $1", holder)
        .execute(connection)
        .await
        .map(drop)
}

/// Whether anybody holds the lease.
pub async fn is_led(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT expires_at > now() AS "led!" FROM heartbeat.pusher"#)
        .fetch_one(connection)
        .await
}
