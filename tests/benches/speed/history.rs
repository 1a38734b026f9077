//! Beats and reads with ten million beats in the database, compared with an empty one.

use std::time::{Duration, Instant};

use heartbeat_tests::{Database, Server, ServerBuilder};

use crate::{
    beats::{self, Measurements, median},
    load::{Load, Measurement, request},
    table::{Table, Target},
};

/// Number of beats: one device that beats every second for four months.
const HISTORY: i64 = 10_000_000;

const ROUNDS: usize = 5;
const MEASUREMENT_TIME: Duration = Duration::from_secs(2);

/// Paths to read.
const PATHS: [&str; 4] = ["/api/stats", "/badge/last-seen", "/badge/total-beats", "/"];

pub(crate) async fn measure(table: &mut Table) {
    let (empty, full) = (Database::create().await, Database::create().await);
    let mut servers = [ServerBuilder::on(&empty).start().await, ServerBuilder::on(&full).start().await];
    let tokens = [beats::devices(&servers[0], 1).await, beats::devices(&servers[1], 1).await];
    for server in &mut servers {
        server.stop().await;
    }
    fill(&full).await;
    let start_up = [&empty, &full].map(ServerBuilder::on);

    let mut starts = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (which, builder) in start_up.iter().enumerate() {
            let started = Instant::now();
            servers[which] = builder.start().await;
            servers[which].stranger().stats().await;
            starts[which].push(started.elapsed().as_secs_f64() * 1e3);
            servers[which].stop().await;
        }
    }
    for (server, builder) in servers.iter_mut().zip(&start_up) {
        *server = builder.start().await;
    }

    table.heading("with 10,000,000 beats in the database", "with none");
    let load = |which: usize, connections| Load {
        port: servers[which].port(),
        connections,
        requests: tokens[which].clone(),
    };
    for connections in [1, 64] {
        let [none, many] =
            measure_in_turn(async |which| load(which, connections).run(MEASUREMENT_TIME).await).await;
        let what = format!("beats, {connections} at a time");
        table.ratio(&what, "/s", many.rate(), none.rate(), Target::AtLeast(0.9));
    }
    for path in PATHS {
        let get = async |which: usize| read(&servers[which], path).run(MEASUREMENT_TIME / 2).await;
        let [none, many] = measure_in_turn(get).await;
        table.ratio(&format!("GET {path}"), "/s", many.rate(), none.rate(), Target::AtLeast(0.9));
    }
    let [none, many] = starts.map(median);
    table.ratio("start to first answer", "ms", many, none, Target::AtMost(1.1));
}

fn read(server: &Server, path: &str) -> Load {
    Load::of(server.port(), 64, request("GET", path, ""))
}

async fn measure_in_turn(measure: impl AsyncFn(usize) -> Measurement) -> [Measurements; 2] {
    let mut measurements = [Measurements::default(), Measurements::default()];
    for _ in 0..ROUNDS {
        for (which, measurements) in measurements.iter_mut().enumerate() {
            measurements.push(measure(which).await);
        }
    }
    measurements
}

/// Inserts past beats, and leaves the database as if they had accumulated.
async fn fill(database: &Database) {
    database
        .execute(&format!(
            "INSERT INTO heartbeat.beats
             SELECT 0, now() - interval '1 day' - make_interval(secs => n) FROM generate_series(1, {HISTORY}) AS n"
        ))
        .await;
    database.execute("UPDATE heartbeat.devices SET num_beats = (SELECT count(*) FROM heartbeat.beats)").await;
    database.execute("VACUUM ANALYZE heartbeat.beats").await;
    database.execute("CHECKPOINT").await;
}
