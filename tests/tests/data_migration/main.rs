//! Data migration: legacy import, export and import, rolling updates. Nothing is lost, and an interrupted migration
//! changes nothing.

mod export;
mod interrupted;
mod legacy_database;
mod legacy_import;
mod rolling_update;

use heartbeat_tests::Server;

/// Asserts that both servers respond with the same stats, to the byte, within the same second.
async fn assert_same_stats(one: &Server, other: &Server) {
    let stats = async |server: &Server| server.stranger().get("/api/stats").await.body;
    loop {
        let (before, other_stats, after) = (stats(one).await, stats(other).await, stats(one).await);
        if before == after {
            assert_eq!(before, other_stats);
            return;
        }
    }
}
