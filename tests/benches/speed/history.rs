//! Beats and reads with ten million beats in the database, compared with an empty one.
//!
//! - [`roll_up`]: beats while older ones are read.
//! - [`reads`]: reads of the history.

mod reads;
mod roll_up;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use heartbeat_tests::{Database, Server, ServerBuilder};

use crate::{
    beats::{self, Measurements, median},
    load::{Load, Measurement, request},
    table::{Table, Target},
};

/// Number of beats: one device that beats every second for four months.
const HISTORY: i64 = 10_000_000;

/// Numbers of beats on the way there, for the curves.
const SIZES: [i64; 3] = [10_000, 100_000, 1_000_000];

const ROUNDS: usize = 5;
const MEASUREMENT_TIME: Duration = Duration::from_secs(2);

/// Rounds and time of a measurement for the curves alone.
const CURVE_ROUNDS: usize = 3;
const CURVE_MEASUREMENT_TIME: Duration = Duration::from_secs(1);

/// Work of a server, as lines of the curves: beats by the number of connections, reads by their path.
const BEATS: [(&str, usize); 2] = [("1 at a time", 1), ("64 at a time", 64)];
const PATHS: [&str; 4] = ["/api/stats", "/badge/last-seen", "/badge/total-beats", "/"];

/// Name of the line of start-up times.
const START: &str = "start";

pub(crate) async fn measure(table: &mut Table) {
    let (empty, full) = (Database::create().await, Database::create().await);
    let mut servers = [ServerBuilder::on(&empty).start().await, ServerBuilder::on(&full).start().await];
    let tokens = [beats::devices(&servers[0], 1).await, beats::devices(&servers[1], 1).await];
    for server in &mut servers {
        server.stop().await;
    }
    let start_up = [&empty, &full].map(ServerBuilder::on);
    measure_growth(table, &full, &start_up[1], &tokens[1]).await;
    roll_up_all(&full, &start_up[1]).await;

    let mut starts = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (which, builder) in start_up.iter().enumerate() {
            let (mut server, time) = start(builder).await;
            starts[which].push(time);
            server.stop().await;
        }
    }
    for (server, builder) in servers.iter_mut().zip(&start_up) {
        *server = builder.start().await;
    }

    table.heading("with 10,000,000 beats in the database", "with none");
    let works = [0, 1].map(|which| works(&servers[which], &tokens[which]));
    for ((curve, line, on_none), (.., on_many)) in works[0].iter().zip(&works[1]) {
        let (what, time) = match *curve {
            "rows-beats" => (format!("beats, {line}"), MEASUREMENT_TIME),
            _ => (format!("GET {line}"), MEASUREMENT_TIME / 2),
        };
        let [none, many] = measure_in_turn(async |which| [on_none, on_many][which].run(time).await).await;
        table.ratio(&what, "/s", many.rate(), none.rate(), Target::AtLeast(0.9));
        point(table, curve, line, 0, none.rate());
        point(table, curve, line, HISTORY, many.rate());
    }
    let [none, many] = starts.map(median);
    table.ratio("start to first answer", "ms", many, none, Target::AtMost(1.1));
    point(table, "rows-start", START, 0, none);
    point(table, "rows-start", START, HISTORY, many);
    roll_up::measure(table, &full, &servers[1], &tokens[1]).await;
    roll_up::caught_up(&full).await;
    reads::measure(table, &full, &servers[1]).await;
}

/// Has a server read all beats, so that it does not while something else is measured.
async fn roll_up_all(database: &Database, builder: &ServerBuilder) {
    let mut server = builder.start().await;
    roll_up::caught_up(database).await;
    server.stop().await;
}

/// Fills a database with [`HISTORY`], and measures on the way there.
async fn measure_growth(
    table: &mut Table,
    database: &Database,
    builder: &ServerBuilder,
    tokens: &Arc<[Vec<u8>]>,
) {
    let mut filled = 0;
    for size in SIZES {
        fill(database, filled, size).await;
        filled = size;
        let mut times = Vec::new();
        for _ in 0..CURVE_ROUNDS {
            let (mut server, time) = start(builder).await;
            times.push(time);
            server.stop().await;
        }
        point(table, "rows-start", START, size, median(times));
        let mut server = builder.start().await;
        roll_up::caught_up(database).await;
        for (curve, line, load) in works(&server, tokens) {
            let mut measurements = Measurements::default();
            for _ in 0..CURVE_ROUNDS {
                measurements.push(load.run(CURVE_MEASUREMENT_TIME).await);
            }
            point(table, curve, line, size, measurements.rate());
        }
        server.stop().await;
    }
    fill(database, filled, HISTORY).await;
}

#[expect(clippy::cast_precision_loss, reason = "a number of rows")]
fn point(table: &mut Table, curve: &str, line: &str, rows: i64, figure: f64) {
    table.point(curve, line, rows as f64, figure);
}

/// Starts a server; returns it, and the time to its first answer in milliseconds.
async fn start(builder: &ServerBuilder) -> (Server, f64) {
    let started = Instant::now();
    let server = builder.start().await;
    server.stranger().stats().await;
    (server, started.elapsed().as_secs_f64() * 1e3)
}

/// Returns what is measured: curve, line and load.
fn works(server: &Server, tokens: &Arc<[Vec<u8>]>) -> Vec<(&'static str, &'static str, Load)> {
    let beats = BEATS.map(|(line, connections)| {
        ("rows-beats", line, Load { port: server.port(), connections, requests: Arc::clone(tokens) })
    });
    let reads = PATHS.map(|path| ("rows-reads", path, Load::of(server.port(), 64, request("GET", path, ""))));
    beats.into_iter().chain(reads).collect()
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

/// Inserts past beats number `from` + 1 to `to`, and leaves the database as if they had accumulated, but for the roll-up, which
/// has to read them.
async fn fill(database: &Database, from: i64, to: i64) {
    database
        .execute(&format!(
            "INSERT INTO heartbeat.beats
             SELECT 0, now() - interval '1 day' - make_interval(secs => n) FROM generate_series({from} + 1, {to}) AS n"
        ))
        .await;
    database.execute("UPDATE heartbeat.devices SET num_beats = (SELECT count(*) FROM heartbeat.beats)").await;
    database.execute("UPDATE heartbeat.roll_up SET rolled_until = '-infinity'").await;
    database.execute("VACUUM ANALYZE heartbeat.beats").await;
    database.execute("CHECKPOINT").await;
}
