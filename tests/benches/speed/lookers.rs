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

const VIEWERS: usize = 10_000;

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
    let server = ServerBuilder::on(&database).without_shares().start().await;
    let laptop = server.device("Laptop").await;
    laptop.beat().await;
    measure_pages(table, &server).await;
    measure_viewers(table, &server, &laptop).await;
}

async fn measure_viewers(table: &mut Table, server: &Server, laptop: &Client) {
    table.heading("10,000 viewers of changes", "");
    let before = resident_memory(server.pid());
    let viewers = Viewers::connect(server.port(), VIEWERS, Frames::Changes).await;
    // Their first frames, and a change for all, as between any two signs of life.
    frames(&viewers, 1).await;
    let arrival = arrival(&viewers, laptop, 2).await;
    let (time, started) = (processor_time(server.pid()), Instant::now());
    sleep(REST_TIME).await;
    let spent = processor_time(server.pid()).saturating_sub(time);
    let share = spent.as_secs_f64() / started.elapsed().as_secs_f64();
    table.value("at rest: share of a processor", "%", 100.0 * share, Target::AtMost(2.0));
    #[expect(clippy::cast_precision_loss, reason = "kilobytes")]
    let each = resident_memory(server.pid()).saturating_sub(before) as f64 / VIEWERS as f64 / 1024.0;
    table.value("at rest: memory of a viewer", "KB", each, Target::AtMost(10.0));
    let mut arrivals = vec![arrival];
    let signs = 2;
    for beat in 1..BEATS {
        sleep(BEAT_INTERVAL).await;
        arrivals.push(self::arrival(&viewers, laptop, 2 + signs + beat).await);
    }
    arrivals.sort_unstable();
    let milliseconds = |arrival: Duration| arrival.as_secs_f64() * 1e3;
    let median = milliseconds(arrivals[arrivals.len() / 2]);
    table.value("a beat to the last viewer: median", "ms", median, Target::AtMost(100.0));
    let longest = milliseconds(arrivals[arrivals.len() - 1]);
    table.value("a beat to the last viewer: longest", "ms", longest, Target::None);
    let beats = beats_meanwhile(laptop).await;
    let median = milliseconds(beats[beats.len() / 2]);
    table.value("beats while frames go out: median", "ms", median, Target::None);
    let longest = milliseconds(beats[beats.len() - 1]);
    table.value("beats while frames go out: longest", "ms", longest, Target::AtMost(20.0));
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

/// Sends a beat; returns the time from then to when each viewer has `frames` frames.
async fn arrival(viewers: &Viewers, laptop: &Client, number: usize) -> Duration {
    let sent = Instant::now();
    laptop.beat().await;
    frames(viewers, number).await;
    viewers.last_frame_at() - sent
}

/// Waits until each viewer has `number` frames.
async fn frames(viewers: &Viewers, number: usize) {
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let all = (number * VIEWERS) as f64;
    let arrived = async {
        while viewers.frames() < all {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(FRAMES_TIMEOUT, arrived).await.expect("frames to all viewers");
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
