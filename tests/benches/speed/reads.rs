//! Reading: against a route that answers as many bytes, always the same.

use std::time::Duration;

use heartbeat_tests::{Database, ServerBuilder};

use crate::{
    beats::{self, MANY, Turns},
    limits::Limit,
    load::{Load, request},
    table::{Must, Table},
};

const ROUNDS: usize = 5;
const TURN: Duration = Duration::from_secs(1);
const CONNECTIONS: usize = 64;

/// What is read.
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
    let server = ServerBuilder::on(&database).start().await;
    for (devices, more, must) in [("1 device", 1, 0.85), ("1,000 devices", MANY - 1, 0.7)] {
        // One beat for each device: figures have their usual length.
        for beat in beats::devices(&server, more).await.iter() {
            let token = String::from_utf8_lossy(beat);
            let token = token.lines().find_map(|line| line.strip_prefix("authorization: ")).expect("a token");
            server.stranger().authorized(token).beat().await;
        }
        table.heading(&format!("reads, 64 at a time, {devices}"), "constant");
        for path in PATHS {
            let bytes = server.stranger().get(path).await.bytes.len();
            let constant = Limit::start("constant", bytes).await;
            let (mut ours, mut limit) = (Turns::default(), Turns::default());
            for _ in 0..ROUNDS {
                ours.push(Load::of(server.port(), CONNECTIONS, request("GET", path, "")).run(TURN).await);
                limit.push(Load::of(constant.port, CONNECTIONS, request("GET", "/", "")).run(TURN).await);
            }
            let what = format!("{devices}: GET {path}");
            table.ratio(&what, "/s", ours.rate(), limit.rate(), Must::AtLeast(must));
        }
    }
}
