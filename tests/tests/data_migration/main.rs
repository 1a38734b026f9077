//! Moving in from an earlier Heartbeat, and from one database to another: nothing is lost, and what is
//! interrupted has not happened.

mod export;
mod interrupted;
mod legacy_database;
mod legacy_import;
mod rolling_update;

use heartbeat_tests::Server;

/// Both servers give the same figures, to the byte, when they are asked within the same second.
async fn assert_same_stats(one: &Server, other: &Server) {
    let stats = async |server: &Server| server.stranger().get("/api/stats").await.body;
    loop {
        let (before, theirs, after) = (stats(one).await, stats(other).await, stats(one).await);
        if before == after {
            assert_eq!(before, theirs);
            return;
        }
    }
}
