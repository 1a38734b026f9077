//! Database server whose processes are killed or frozen.

use std::time::{Duration, Instant};

use heartbeat_tests::{Cluster, Database, Devices, Load, Server, ServerBuilder, eventually, is_soak};

use crate::rounds;

/// Maximum time from the recovery of the database to the next acknowledged beat.
const RECOVERY_MAX: Duration = Duration::from_secs(2);

/// Maximum growth of the server's memory over a test, in kB.
const MEMORY_GROWTH_MAX: i64 = 20_000;

async fn set_up() -> (Cluster, Database, Server, Devices) {
    let cluster = Cluster::start().await;
    let database = cluster.database().await;
    let server = ServerBuilder::on(&database).start().await;
    let devices = Devices::register(&server.owner(), 4).await;
    (cluster, database, server, devices)
}

async fn assert_recovery(devices: &Devices) {
    let recovered = Instant::now();
    devices.wait_for_acknowledged(1).await;
    assert!(recovered.elapsed() < RECOVERY_MAX, "{:?}", recovered.elapsed());
}

#[tokio::test]
async fn a_database_that_is_killed_again_and_again_loses_no_acknowledged_beat() {
    let (mut cluster, database, server, devices) = set_up().await;
    let load = Load::start(&server.stranger(), &devices);
    devices.wait_for_acknowledged(100).await;
    let before = server.resident_memory();
    for round in 0..rounds() {
        devices.wait_for_acknowledged(1 + round % 5 * 50).await;
        let rejected = devices.rejected();
        cluster.kill().await;
        eventually("an outage", async || devices.rejected() > rejected).await;
        cluster.restart().await;
        assert_recovery(&devices).await;
    }
    load.stop().await;
    devices.assert_durable(&server, &database).await;
    let growth = server.resident_memory() - before;
    assert!(growth < MEMORY_GROWTH_MAX, "{growth} kB");
}

#[tokio::test]
async fn a_database_that_is_frozen_for_seconds_is_answered_with_503_and_loses_nothing() {
    let (cluster, database, server, devices) = set_up().await;
    let load = Load::start(&server.stranger(), &devices);
    devices.wait_for_acknowledged(100).await;
    let before = server.resident_memory();
    cluster.freeze().await;
    tokio::time::sleep(Duration::from_secs(if is_soak() { 10 } else { 3 })).await;
    cluster.thaw();
    cluster.wait_until_ready().await;
    assert_recovery(&devices).await;
    assert!(devices.rejected() > 0);
    load.stop().await;
    devices.assert_durable(&server, &database).await;
    let growth = server.resident_memory() - before;
    assert!(growth < MEMORY_GROWTH_MAX, "{growth} kB");
}
