//! Beats and reads with a database that is far away, or whose disk flushes slowly, compared with what distance and
//! flush alone take.

use std::time::Duration;

use heartbeat_tests::{Cluster, Database, Distance, Server, ServerBuilder};

use crate::{
    beats::{MANY_DEVICES, Measurements},
    devices, limits,
    load::{Load, request},
    table::{Table, Target},
};

/// Number of rounds; the median of each measurement counts.
const ROUNDS: usize = 3;

/// Duration of one measurement.
const MEASUREMENT_TIME: Duration = Duration::from_secs(2);

/// Flushes of the disk, in milliseconds longer than this machine's, and round trips to the database that are measured
/// with each.
const PLACES: [(u64, &[u64]); 3] = [(0, &[0, 1, 5, 40]), (2, &[0, 1, 5, 40]), (10, &[0, 1, 5, 40])];

/// Numbers of connections that beat at the same time, each of them a device.
const CONNECTIONS: [usize; 2] = [64, MANY_DEVICES];

/// Their lines in the curves.
const LINES: [&str; 2] = ["64 at a time", "1,000 at a time"];

/// Maximum of a lone beat above a bare commit at the same distance, in milliseconds: HTTP, and the second row.
const LONE_BEAT_ADDED_MAX: f64 = 0.3;

/// Minimum throughput, as a ratio of the limit.
const RATE_RATIO_MIN: f64 = 1.0 / 1.3;

/// Throughput of beats near the database, by the number of connections, and of reads.
struct Near {
    beats: [f64; 2],
    reads: f64,
}

pub(crate) async fn measure(table: &mut Table) {
    let mut near = None;
    for (flush, distances) in PLACES {
        let cluster = Cluster::start_with_flush_delay(Duration::from_millis(flush)).await;
        for distance in distances {
            let database = cluster.database().await;
            near = Some(measure_place(table, &database, flush, *distance, near).await);
        }
    }
}

/// Measures one place. The first is the one with which the others are compared; returns its throughput.
async fn measure_place(
    table: &mut Table,
    database: &Database,
    flush: u64,
    round_trip: u64,
    near: Option<Near>,
) -> Near {
    let place = format!("{round_trip} ms away, flush {flush} ms");
    let distance = Distance::to(database, Duration::from_millis(round_trip));
    let url = if round_trip == 0 { database.url() } else { distance.url().to_owned() };
    let server = ServerBuilder::on(database)
        .environment("HEARTBEAT_DATABASE_DSN", &url)
        .without_shares()
        .start()
        .await;
    let requests = devices::register(database, MANY_DEVICES).await;

    let (mut commit, mut lone) = (Measurements::default(), Measurements::default());
    for _ in 0..ROUNDS {
        commit.push(limits::bare_commits(database, &url, 1, MEASUREMENT_TIME).await);
        lone.push(beats(&server, 1, &requests).run(MEASUREMENT_TIME).await);
    }
    table.heading(&format!("beats, database {place}"), "limit");
    let added = (lone.p50() - commit.p50()) / 1e3;
    table.value(
        &format!("a lone beat above a bare commit, {place}"),
        "ms",
        added,
        Target::AtMost(LONE_BEAT_ADDED_MAX),
    );
    let curves = Curves { flush, round_trip };
    curves.point(table, "latency", "a beat alone", lone.p50() / 1e3);
    curves.point(table, "latency", "round trip and flush", commit.p50() / 1e3);
    let mut measured = Near { beats: [0.0; 2], reads: 0.0 };
    for (which, connections) in CONNECTIONS.into_iter().enumerate() {
        let mut crowd = Measurements::default();
        for _ in 0..ROUNDS {
            crowd.push(beats(&server, connections, &requests).run(MEASUREMENT_TIME).await);
        }
        measured.beats[which] = crowd.rate();
        curves.point(table, "beats", LINES[which], crowd.rate());
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let by_distance = connections as f64 / (commit.p50() / 1e6);
        let limit = near.as_ref().map_or(by_distance, |near| by_distance.min(near.beats[which]));
        let what = format!("{connections} connections, {place}");
        table.ratio(&what, "/s", crowd.rate(), limit, Target::AtLeast(RATE_RATIO_MIN));
        table.ratio(&format!("p99, {what}"), "µs", crowd.p99(), crowd.p50(), Target::AtMost(3.0));
    }
    let mut reads = Measurements::default();
    for _ in 0..ROUNDS {
        reads.push(
            Load::of(server.port(), 64, request("GET", "/api/stats", "")).run(MEASUREMENT_TIME / 2).await,
        );
    }
    measured.reads = reads.rate();
    if let Some(near) = &near {
        table.ratio(
            &format!("GET /api/stats, {place}"),
            "/s",
            reads.rate(),
            near.reads,
            Target::AtLeast(0.8),
        );
    }
    near.unwrap_or(measured)
}

/// Where a place stands in the curves.
struct Curves {
    flush: u64,
    round_trip: u64,
}

impl Curves {
    /// Adds a point to the curve by distance, by flush time, or by both.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds")]
    fn point(&self, table: &mut Table, curve: &str, line: &str, figure: f64) {
        if self.flush == 0 {
            table.point(&format!("distance-{curve}"), line, self.round_trip as f64, figure);
        }
        if self.round_trip == 0 {
            table.point(&format!("flush-{curve}"), line, self.flush as f64, figure);
        }
    }
}

fn beats(server: &Server, connections: usize, requests: &[Vec<u8>]) -> Load {
    Load { port: server.port(), connections, requests: requests[..connections].into() }
}
