//! Many who look: viewers of changes at rest, a beat that reaches them all, and pages from the response cache.

use std::time::{Duration, Instant};

use heartbeat_tests::{Client, Database, Server, ServerBuilder, client::http};
use tokio::time::{sleep, timeout};

use crate::{
    beats::Measurements,
    limits::Limit,
    load::{Load, request},
    process::{processor_time, resident_memory},
    stream::viewers::{Frames, Viewers},
    table::{Table, Target},
};

/// Numbers of viewers, for the curves.
const NUMBERS: [usize; 2] = [1_000, 10_000];

/// Time in which each viewer gets two signs of life.
const REST_TIME: Duration = Duration::from_secs(62);

/// Beats whose arrival at the viewers is measured.
const BEATS: usize = 15;

/// Time from one beat to the next: frames are due when it arrives.
const BEAT_INTERVAL: Duration = Duration::from_millis(2_500);

/// Time in which beats are sent without a pause.
const BEATS_TIME: Duration = Duration::from_secs(5);

/// Timeout of frames to all viewers.
const FRAMES_TIMEOUT: Duration = Duration::from_secs(30);

const ROUNDS: usize = 5;
const MEASUREMENT_TIME: Duration = Duration::from_secs(1);
const CONNECTIONS: usize = 64;

pub(crate) async fn measure(table: &mut Table) {
    let database = Database::create().await;
    let builder = ServerBuilder::on(&database).without_shares();
    for number in NUMBERS {
        // Memory that a server has had for viewers stays with it.
        let server = builder.start().await;
        let laptop = server.device("Laptop").await;
        laptop.beat().await;
        measure_viewers(table, &server, &laptop, number).await;
    }
    measure_pages(table, &builder.start().await).await;
}

async fn measure_viewers(table: &mut Table, server: &Server, laptop: &Client, number: usize) {
    table.heading(&format!("{number} viewers of changes"), "");
    let before = resident_memory(server.pid());
    let viewers = Viewers::connect(server.port(), number, Frames::Changes).await;
    // Their first frames, and a change for all, as between any two signs of life.
    frames(&viewers, 0.0, number).await;
    let mut arrivals = vec![arrival(&viewers, laptop, number).await];
    let (time, started) = (processor_time(server.pid()), Instant::now());
    sleep(REST_TIME).await;
    let spent = processor_time(server.pid()).saturating_sub(time);
    let share = spent.as_secs_f64() / started.elapsed().as_secs_f64();
    table.value(&format!("{number} at rest: share of a processor"), "%", 100.0 * share, Target::AtMost(2.0));
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let x = number as f64;
    let memory = resident_memory(server.pid());
    #[expect(clippy::cast_precision_loss, reason = "kilobytes")]
    let each = memory.saturating_sub(before) as f64 / x / 1024.0;
    table.value(&format!("{number} at rest: memory of a viewer"), "KB", each, Target::AtMost(10.0));
    for _ in 1..BEATS {
        sleep(BEAT_INTERVAL).await;
        arrivals.push(arrival(&viewers, laptop, number).await);
    }
    arrivals.sort_unstable();
    let milliseconds = |arrival: Duration| arrival.as_secs_f64() * 1e3;
    let median = milliseconds(arrivals[arrivals.len() / 2]);
    table.value(&format!("a beat to the last of {number}: median"), "ms", median, Target::AtMost(100.0));
    let longest = milliseconds(arrivals[arrivals.len() - 1]);
    table.value(&format!("a beat to the last of {number}: longest"), "ms", longest, Target::None);
    let line = "frames on change";
    table.point("viewers-processor", line, x, 100.0 * share);
    #[expect(clippy::cast_precision_loss, reason = "megabytes")]
    table.point("viewers-memory", line, x, memory as f64 / 1e6);
    table.point("viewers-delay", line, x, median);
    let beats = beats_meanwhile(laptop).await;
    let longest = milliseconds(beats[beats.len() - 1]);
    table.value(
        &format!("a beat while frames go to {number}: median"),
        "ms",
        milliseconds(beats[beats.len() / 2]),
        Target::None,
    );
    table.value(&format!("a beat while frames go to {number}: longest"), "ms", longest, Target::AtMost(20.0));
}

/// Sends one beat after the other, so that frames go out to all viewers each second; returns their latencies, sorted.
async fn beats_meanwhile(laptop: &Client) -> Vec<Duration> {
    let (started, mut latencies) = (Instant::now(), Vec::new());
    while started.elapsed() < BEATS_TIME {
        let sent = Instant::now();
        laptop.beat().await;
        latencies.push(sent.elapsed());
    }
    latencies.sort_unstable();
    latencies
}

/// Sends a beat; returns the time from then to when each of `number` viewers has a frame.
async fn arrival(viewers: &Viewers, laptop: &Client, number: usize) -> Duration {
    let (before, sent) = (viewers.frames(), Instant::now());
    laptop.beat().await;
    frames(viewers, before, number).await;
    viewers.last_frame_at() - sent
}

/// Waits until the viewers have `number` frames more than `before`.
async fn frames(viewers: &Viewers, before: f64, number: usize) {
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let all = before + number as f64;
    let arrived = async {
        while viewers.frames() < all {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let arrived = timeout(FRAMES_TIMEOUT, arrived).await;
    let (missing, ended) = (all - viewers.frames(), viewers.ended());
    assert!(arrived.is_ok(), "{missing} of {number} frames are missing, {ended} viewers were given up");
}

async fn measure_pages(table: &mut Table, server: &Server) {
    table.heading("pages in gzip, 64 at a time", "constant");
    for path in ["/", "/stats"] {
        let compressed = http().build().expect("a client").get(server.url() + path);
        let compressed = compressed.header("accept-encoding", "gzip").send().await.expect("a page");
        let constant = Limit::start("constant", compressed.bytes().await.expect("a page").len()).await;
        let plain = request("GET", path, "");
        let head = plain.strip_suffix(b"\r\n").expect("the end of the head");
        let ours_request = [head, b"accept-encoding: gzip, deflate, br, zstd\r\n\r\n"].concat();
        let (mut ours, mut limit) = (Measurements::default(), Measurements::default());
        for _ in 0..ROUNDS {
            ours.push(Load::of(server.port(), CONNECTIONS, ours_request.clone()).run(MEASUREMENT_TIME).await);
            limit.push(
                Load::of(constant.port, CONNECTIONS, request("GET", "/", "")).run(MEASUREMENT_TIME).await,
            );
        }
        table.ratio(&format!("GET {path} in gzip"), "/s", ours.rate(), limit.rate(), Target::AtLeast(0.7));
    }
}
