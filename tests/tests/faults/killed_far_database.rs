//! Database server that is far away, with a slow disk, and killed while batches overlap.

use std::time::Duration;

use heartbeat_tests::{Cluster, Devices, Distance, Load, ServerBuilder, eventually, is_soak};

/// Round trip to the database and time of a flush: batches overlap, and flushes are under way all the time.
const ROUND_TRIP: Duration = Duration::from_millis(12);
const FLUSH_DELAY: Duration = Duration::from_millis(4);

/// Connections that record beats at this moment.
const OVERLAPPING: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE application_name = 'heartbeat' AND query LIKE '%heartbeat.beats%' AND state = 'active'";

/// Number of kills.
fn rounds() -> i64 {
    if is_soak() { 40 } else { 3 }
}

#[tokio::test]
async fn a_far_database_that_is_killed_while_batches_overlap_loses_no_acknowledged_beat() {
    let mut cluster = Cluster::start_with_flush_delay(FLUSH_DELAY).await;
    let database = cluster.database().await;
    let distance = Distance::to(&database, ROUND_TRIP);
    let server = ServerBuilder::on(&database)
        .environment("HEARTBEAT_DATABASE_DSN", distance.url())
        .without_shares()
        .start()
        .await;
    let devices = Devices::register(&server.owner(), 8).await;
    let load = Load::start(&server.stranger(), &devices);
    for round in 0..rounds() {
        eventually("overlapping batches", async || database.number(OVERLAPPING).await > 1).await;
        devices.wait_for_acknowledged(1 + round % 5 * 50).await;
        let rejected = devices.rejected();
        cluster.kill().await;
        eventually("an outage", async || devices.rejected() > rejected).await;
        cluster.restart().await;
        devices.wait_for_acknowledged(1).await;
    }
    load.stop().await;
    devices.assert_durable(&server, &database).await;
}
