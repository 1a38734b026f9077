//! Reads, compared with a route with a constant response of the same size.

use std::time::Duration;

use heartbeat_tests::{Database, ServerBuilder};

use crate::{
    beats::{self, MANY_DEVICES, Measurements},
    limits::Limit,
    load::{Load, request},
    table::{Table, Target},
};

const ROUNDS: usize = 5;
const MEASUREMENT_TIME: Duration = Duration::from_secs(1);
const CONNECTIONS: usize = 64;

/// Paths to read.
const PATHS: [&str; 6] = [
    "/api/stats",
    "/badge/last-seen",
    "/badge/total-beats",
    "/badge/last-seen.json",
    "/badge/last-seen.png",
    "/",
];

pub(crate) async fn measure(table: &mut Table) {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).without_shares().start().await;
    for (devices, added, minimum) in [("1 device", 1, 0.85), ("1,000 devices", MANY_DEVICES - 1, 0.7)] {
        // One beat for each device, so that responses have their usual size.
        for beat in beats::devices(&server, added).await.iter() {
            let token = String::from_utf8_lossy(beat);
            let token = token.lines().find_map(|line| line.strip_prefix("authorization: ")).expect("a token");
            server.stranger().authorized(token).beat().await;
        }
        table.heading(&format!("reads, 64 at a time, {devices}"), "constant");
        for path in PATHS {
            let bytes = server.stranger().get(path).await.bytes.len();
            let constant = Limit::start("constant", bytes).await;
            let (mut ours, mut limit) = (Measurements::default(), Measurements::default());
            for _ in 0..ROUNDS {
                ours.push(
                    Load::of(server.port(), CONNECTIONS, request("GET", path, ""))
                        .run(MEASUREMENT_TIME)
                        .await,
                );
                limit.push(
                    Load::of(constant.port, CONNECTIONS, request("GET", "/", "")).run(MEASUREMENT_TIME).await,
                );
            }
            let what = format!("{devices}: GET {path}");
            table.ratio(&what, "/s", ours.rate(), limit.rate(), Target::AtLeast(minimum));
        }
    }
}
