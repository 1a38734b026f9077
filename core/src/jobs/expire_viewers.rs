//! Deletes viewers whose connections API Gateway has closed by now, whether or not it told.

use crate::database::{Connection, connections};

/// Deletes the viewers, and returns how many there were. All their times are the database's.
pub(super) async fn run(connection: &mut Connection) -> Result<u64, sqlx::Error> {
    connections::remove_expired(connection).await
}
