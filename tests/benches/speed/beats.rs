//! `POST /api/beat`: against a bare commit and against a route that answers a constant.

use std::{sync::Arc, time::Duration};

use heartbeat_tests::{Database, Server, ServerBuilder};

use crate::{
    limits::{self, Limit},
    load::{Load, Pace, request},
    table::{Must, Table},
};

/// How often each measurement has its turn; the middle one counts.
const ROUNDS: usize = 3;

/// How long a turn is.
const TURN: Duration = Duration::from_secs(3);

/// What many devices are.
pub(crate) const MANY: usize = 1000;

/// The measurements of one kind.
#[derive(Debug, Default)]
pub(crate) struct Turns(Vec<Pace>);

impl Turns {
    /// Another one.
    pub(crate) fn push(&mut self, pace: Pace) {
        self.0.push(pace);
    }

    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        middle(self.0.iter().map(|pace| pace.rate).collect())
    }

    /// Microseconds to an answer.
    pub(crate) fn p50(&self) -> f64 {
        middle(self.0.iter().map(|pace| pace.p50.as_secs_f64() * 1e6).collect())
    }
}

/// The middle one of some figures.
pub(crate) fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Registers devices; returns a request for a beat of each.
pub(crate) async fn devices(server: &Server, number: usize) -> Arc<[Vec<u8>]> {
    let owner = server.owner();
    let mut requests = Vec::with_capacity(number);
    for number in 0..number {
        let (_, token) = owner.register(&format!("Device {number}")).await;
        requests.push(request("POST", "/api/beat", &token));
    }
    requests.into()
}

pub(crate) async fn measure(table: &mut Table) {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).start().await;
    let many = devices(&server, MANY).await;
    let constant = Limit::start("constant", "1795419943".len()).await;
    let beats = |connections, devices: &[Vec<u8>]| Load {
        port: server.port(),
        connections,
        requests: devices.into(),
    };
    let plain = |connections| Load::of(constant.port, connections, request("POST", "/", ""));

    let [mut alone, mut alone_many, mut crowd, mut crowd_many] = [const { Turns(Vec::new()) }; 4];
    let [mut commit, mut commits, mut plain_alone, mut plain_crowd] = [const { Turns(Vec::new()) }; 4];
    for _ in 0..ROUNDS {
        commit.push(limits::bare_commits(&database, 1, TURN).await);
        alone.push(beats(1, &many[..1]).run(TURN).await);
        plain_alone.push(plain(1).run(TURN).await);
        alone_many.push(beats(1, &many).run(TURN).await);
        commits.push(limits::bare_commits(&database, 32, TURN).await);
        crowd.push(beats(64, &many[..1]).run(TURN).await);
        plain_crowd.push(plain(64).run(TURN).await);
        crowd_many.push(beats(64, &many).run(TURN).await);
    }

    let bare = commit.p50();
    table.heading("beats, one at a time (middle of the times)", "bare commit");
    table.ratio("1 device", "µs", alone.p50(), bare, Must::AtMost(1.3));
    table.ratio("1,000 devices", "µs", alone_many.p50(), bare, Must::AtMost(1.3));
    table.heading("", "commit + HTTP");
    table.ratio("1 device, with HTTP", "µs", alone.p50(), bare + plain_alone.p50(), Must::AtMost(1.3));
    for (devices, pace) in [("1 device", &crowd), ("1,000 devices", &crowd_many)] {
        table.heading(&format!("beats, 64 at a time, {devices}"), "limit");
        let one = "/ bare commits, 1 connection as here";
        table.ratio(&format!("{devices} {one}"), "/s", pace.rate(), commit.rate(), Must::AtLeast(2.0));
        let pool = "/ bare commits, 32 connections";
        table.ratio(&format!("{devices} {pool}"), "/s", pace.rate(), commits.rate(), Must::AtLeast(2.0));
        let route = "/ constant route";
        table.ratio(
            &format!("{devices} {route}"),
            "/s",
            pace.rate(),
            plain_crowd.rate(),
            Must::AtLeast(0.35),
        );
    }
}
