//! Deletes viewers whose connections API Gateway has closed by now, whether or not it told.

use sqlx::PgConnection;

use crate::database::connections;

/// Deletes the viewers, and returns how many there were. All their times are the database's.
pub(super) async fn run(connection: &mut PgConnection) -> Result<u64, sqlx::Error> {
    connections::remove_expired(connection).await
}
