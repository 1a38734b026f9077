//! Beats (`POST /api/beat`), compared with a bare commit and with a route with a constant response.
//!
//! - [`alerts`]: beats beside alerts and channels.

mod alerts;

use std::{sync::Arc, time::Duration};

use heartbeat_tests::{Database, Server, ServerBuilder};

use crate::{
    limits::{self, Limit},
    load::{Load, Measurement, request},
    table::{Table, Target},
};

/// Number of rounds; the median of each measurement counts.
const ROUNDS: usize = 3;

/// Duration of one measurement.
const MEASUREMENT_TIME: Duration = Duration::from_secs(3);

/// Number of devices where there are many.
pub(crate) const MANY_DEVICES: usize = 1000;

/// Measurements of one kind, one a round.
#[derive(Debug, Default)]
pub(crate) struct Measurements(Vec<Measurement>);

impl Measurements {
    /// Adds a measurement.
    pub(crate) fn push(&mut self, measurement: Measurement) {
        self.0.push(measurement);
    }

    /// Median throughput, in responses per second.
    pub(crate) fn rate(&self) -> f64 {
        median(self.0.iter().map(|measurement| measurement.rate).collect())
    }

    /// Median latency, in microseconds.
    pub(crate) fn p50(&self) -> f64 {
        median(self.0.iter().map(|measurement| measurement.p50.as_secs_f64() * 1e6).collect())
    }

    /// Median of the latencies that one response in a hundred exceeds, in microseconds.
    pub(crate) fn p99(&self) -> f64 {
        median(self.0.iter().map(|measurement| measurement.p99.as_secs_f64() * 1e6).collect())
    }
}

/// Returns the median.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Registers devices; returns a beat request of each.
pub(crate) async fn devices(server: &Server, count: usize) -> Arc<[Vec<u8>]> {
    let owner = server.owner();
    let mut requests = Vec::with_capacity(count);
    for number in 0..count {
        let (_, token) = owner.register(&format!("Device {number}")).await;
        requests.push(request("POST", "/api/beat", &token));
    }
    requests.into()
}

pub(crate) async fn measure(table: &mut Table) {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).without_shares().start().await;
    let many = devices(&server, MANY_DEVICES).await;
    let constant = Limit::start("constant", "1795419943".len()).await;
    let beats = |connections, devices: &[Vec<u8>]| Load {
        port: server.port(),
        connections,
        requests: devices.into(),
    };
    let plain = |connections| Load::of(constant.port, connections, request("POST", "/", ""));

    let [mut alone, mut alone_many, mut crowd, mut crowd_many] = [const { Measurements(Vec::new()) }; 4];
    let [mut commit, mut commits, mut plain_alone, mut plain_crowd] = [const { Measurements(Vec::new()) }; 4];
    for _ in 0..ROUNDS {
        commit.push(limits::bare_commits(&database, &database.url(), 1, MEASUREMENT_TIME).await);
        alone.push(beats(1, &many[..1]).run(MEASUREMENT_TIME).await);
        plain_alone.push(plain(1).run(MEASUREMENT_TIME).await);
        alone_many.push(beats(1, &many).run(MEASUREMENT_TIME).await);
        commits.push(limits::bare_commits(&database, &database.url(), 32, MEASUREMENT_TIME).await);
        crowd.push(beats(64, &many[..1]).run(MEASUREMENT_TIME).await);
        plain_crowd.push(plain(64).run(MEASUREMENT_TIME).await);
        crowd_many.push(beats(64, &many).run(MEASUREMENT_TIME).await);
    }

    let bare = commit.p50();
    table.heading("beats, one at a time (middle of the times)", "bare commit");
    table.ratio("1 device", "µs", alone.p50(), bare, Target::AtMost(1.3));
    table.ratio("1,000 devices", "µs", alone_many.p50(), bare, Target::AtMost(1.3));
    table.heading("", "commit + HTTP");
    table.ratio("1 device, with HTTP", "µs", alone.p50(), bare + plain_alone.p50(), Target::AtMost(1.3));
    for (devices, measured) in [("1 device", &crowd), ("1,000 devices", &crowd_many)] {
        table.heading(&format!("beats, 64 at a time, {devices}"), "limit");
        let one = "/ bare commits, 1 connection as here";
        table.ratio(&format!("{devices} {one}"), "/s", measured.rate(), commit.rate(), Target::AtLeast(2.0));
        let pool = "/ bare commits, 32 connections";
        table.ratio(
            &format!("{devices} {pool}"),
            "/s",
            measured.rate(),
            commits.rate(),
            Target::AtLeast(2.0),
        );
        let route = "/ constant route";
        table.ratio(
            &format!("{devices} {route}"),
            "/s",
            measured.rate(),
            plain_crowd.rate(),
            Target::AtLeast(0.35),
        );
    }
    alerts::measure(table).await;
}
