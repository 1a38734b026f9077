//! Beats beside the owner's alerts and channels, compared with a server that has none.

use std::time::Duration;

use heartbeat_tests::{Database, Server, ServerBuilder};
use serde_json::json;

use super::{Measurements, devices};
use crate::{
    load::Load,
    table::{Table, Target},
};

const ALERTS: u32 = 20;
const CHANNELS: u32 = 5;

const ROUNDS: usize = 3;

/// Duration of one measurement. Alerts are evaluated once in that time.
const MEASUREMENT_TIME: Duration = Duration::from_secs(10);

/// Adds channels, and alerts that wait for a silence which does not come.
async fn add(server: &Server) {
    let owner = server.owner();
    for number in 0..CHANNELS {
        let settings = json!({ "url": "https://example.org/in" });
        let channel = json!({ "name": format!("Channel {number}"), "kind": "webhook", "audience": "owner", "settings": settings });
        assert_eq!(owner.post("/api/channels", channel.to_string()).await.status, 201);
    }
    for number in 0..ALERTS {
        let after = format!("{}h", number + 1);
        let alert = json!({ "after": after, "channels": [number % CHANNELS + 1], "repeat": "12h" });
        assert_eq!(owner.post("/api/alerts", alert.to_string()).await.status, 201);
    }
}

/// Measures one device, one beat at a time and 64 at a time.
pub(super) async fn measure(table: &mut Table) {
    let databases = [Database::create().await, Database::create().await];
    let start = async |database| ServerBuilder::on(database).without_shares().start().await;
    let servers = [start(&databases[0]).await, start(&databases[1]).await];
    add(&servers[1]).await;
    let requests = [devices(&servers[0], 1).await, devices(&servers[1], 1).await];
    let [mut alone, mut crowd] = [const { [Measurements(Vec::new()), Measurements(Vec::new())] }; 2];
    for round in 0..ROUNDS {
        // They change places, since each follows something else.
        for which in [round % 2, 1 - round % 2] {
            for (connections, measurements) in [(1, &mut alone), (64, &mut crowd)] {
                let load =
                    Load { port: servers[which].port(), connections, requests: requests[which].clone() };
                measurements[which].push(load.run(MEASUREMENT_TIME).await);
            }
        }
    }
    table.heading(&format!("beats beside {ALERTS} alerts and {CHANNELS} channels"), "without");
    table.ratio("1 at a time, p50", "µs", alone[1].p50(), alone[0].p50(), Target::AtMost(1.05));
    table.ratio("1 at a time, p99", "µs", alone[1].p99(), alone[0].p99(), Target::AtMost(1.2));
    table.ratio("64 at a time", "/s", crowd[1].rate(), crowd[0].rate(), Target::AtLeast(0.95));
    table.ratio("64 at a time, p99", "µs", crowd[1].p99(), crowd[0].p99(), Target::AtMost(1.2));
}
