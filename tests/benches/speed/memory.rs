//! Memory: idle, after a minute of beats, after a minute of everything, and after a day's work on top of that.
//! Everything is beats, pages, badges as strangers choose them, devices that are registered, viewers that come and go. The
//! minute of it fills the caches and loads the fonts, so what a day adds is what would go on growing.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use heartbeat_tests::{Database, Server, ServerBuilder};

use crate::{
    beats,
    load::{Load, request},
    process::resident_memory,
    stream::viewers::{Frames, Viewers},
    table::{Table, Target},
};

const LOAD_TIME: Duration = Duration::from_mins(1);

/// Beats of a day: those of 700 devices that are always in use.
const BEATS: i64 = 1_000_000;

/// Time between two changes of viewers and devices.
const STEP_TIME: Duration = Duration::from_secs(2);

/// Viewers of each step, all gone before the next.
const VIEWERS: usize = 100;

/// Number of different badges, far more than any cache holds.
const BADGES: usize = 10_000;

/// Beats for each badge; there are half as many pages as badges.
const BEATS_PER_BADGE: usize = 5;

/// Memory that a day may add, in megabytes.
const ADDED_MAX: f64 = 2.0;

pub(crate) async fn measure(table: &mut Table) {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).without_shares().start().await;
    let requests = beats::devices(&server, 1).await;
    table.heading("memory", "");
    table.value("idle", "MB", megabytes(resident_memory(server.pid())), Target::AtMost(25.0));
    let load = Load { port: server.port(), connections: 64, requests: Arc::clone(&requests) };
    load.run(LOAD_TIME).await;
    let after = megabytes(resident_memory(server.pid()));
    table.value("after 60 s of full load, 1 device", "MB", after, Target::AtMost(60.0));

    let load = Load { requests: everything(&requests[0]), ..load };
    let minute = Instant::now() + LOAD_TIME;
    run_while(&server, &load, async || Instant::now() < minute).await;
    let minute = megabytes(resident_memory(server.pid()));
    let what = "after 60 s of beats, pages, badges, viewers";
    table.value(what, "MB", minute, Target::AtMost(60.0));
    let end = total_beats(&server).await + BEATS;
    run_while(&server, &load, async || total_beats(&server).await < end).await;
    let day = megabytes(resident_memory(server.pid()));
    let what = "after 1,000,000 beats more, and the rest";
    table.value(what, "MB", day, Target::AtMost(minute + ADDED_MAX));
}

/// Sends requests, while viewers come and go and devices are registered.
async fn run_while(server: &Server, load: &Load, condition: impl AsyncFn() -> bool) {
    while condition().await {
        server.owner().register("Another device").await;
        let _viewers = Viewers::connect(server.port(), VIEWERS, Frames::EachSecond).await;
        load.run(STEP_TIME).await;
    }
}

/// Returns the requests of a day: beats, badges, and pages.
fn everything(beat: &[u8]) -> Arc<[Vec<u8>]> {
    let pages = ["/", "/stats", "/privacy", "/api/stats"];
    let mut requests = Vec::new();
    for number in 0..BADGES {
        requests.extend(std::iter::repeat_n(beat.to_vec(), BEATS_PER_BADGE));
        requests.push(request("GET", &badge(number), ""));
        if number.is_multiple_of(2) {
            requests.push(request("GET", pages[number / 2 % pages.len()], ""));
        }
    }
    requests.into()
}

/// Returns the URL of a badge that differs from all others.
fn badge(number: usize) -> String {
    let paths = ["last-seen", "total-beats", "last-seen.json", "last-seen.png"];
    let styles = ["flat", "flat-square", "plastic", "for-the-badge", "social"];
    // Drawing pixels takes long, so one in twenty is.
    let path = if number.is_multiple_of(20) { paths[3] } else { paths[number % 3] };
    format!("/badge/{path}?style={}&label=somebody%20{number}&color={number:06x}", styles[number / 4 % 5])
}

async fn total_beats(server: &Server) -> i64 {
    server.stranger().stats().await["total_beats"].as_i64().expect("a number")
}

#[expect(clippy::cast_precision_loss, reason = "megabytes")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}
