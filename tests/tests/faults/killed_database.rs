//! A database whose processes are killed or frozen.

use std::time::{Duration, Instant};

use heartbeat_tests::{Cluster, Database, Devices, Load, Server, ServerBuilder, eventually};

use crate::{rounds, soak};

/// How soon after the database answers again beats are acknowledged.
const RECOVERY: Duration = Duration::from_secs(2);

/// What the server may take more after all of it than before, in kB.
const GROWTH: i64 = 20_000;

async fn scene() -> (Cluster, Database, Server, Devices) {
    let cluster = Cluster::start().await;
    let database = cluster.database().await;
    let server = ServerBuilder::on(&database).start().await;
    let devices = Devices::register(&server.owner(), 4).await;
    (cluster, database, server, devices)
}

async fn assert_recovery(devices: &Devices) {
    let back = Instant::now();
    devices.acknowledged_more(1).await;
    assert!(back.elapsed() < RECOVERY, "{:?}", back.elapsed());
}

#[tokio::test]
async fn a_database_that_is_killed_again_and_again_has_lost_no_acknowledged_beat() {
    let (mut cluster, database, server, devices) = scene().await;
    let load = Load::start(&server.stranger(), &devices);
    devices.acknowledged_more(100).await;
    let before = server.resident();
    for round in 0..rounds() {
        devices.acknowledged_more(1 + round % 5 * 50).await;
        let rejected = devices.rejected();
        cluster.kill().await;
        eventually("an outage", async || devices.rejected() > rejected).await;
        cluster.restart().await;
        assert_recovery(&devices).await;
    }
    load.stop().await;
    devices.assert_kept(&server, &database).await;
    let growth = server.resident() - before;
    assert!(growth < GROWTH, "{growth} kB");
}

#[tokio::test]
async fn a_database_that_stands_still_for_seconds_is_answered_for_and_has_lost_nothing() {
    let (cluster, database, server, devices) = scene().await;
    let load = Load::start(&server.stranger(), &devices);
    devices.acknowledged_more(100).await;
    let before = server.resident();
    cluster.freeze().await;
    tokio::time::sleep(Duration::from_secs(if soak() { 10 } else { 3 })).await;
    cluster.thaw();
    cluster.answers().await;
    assert_recovery(&devices).await;
    assert!(devices.rejected() > 0);
    load.stop().await;
    devices.assert_kept(&server, &database).await;
    let growth = server.resident() - before;
    assert!(growth < GROWTH, "{growth} kB");
}
