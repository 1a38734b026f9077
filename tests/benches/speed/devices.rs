//! What grows with the number of devices: a beat must not, responses may grow as their bytes do.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use heartbeat_tests::{Database, Server, ServerBuilder};

use crate::{
    beats::{Measurements, median},
    limits::Limit,
    load::{Load, Measurement, request},
    process::resident_memory,
    table::{Table, Target},
};

/// Numbers of devices, each with a database and a server of its own.
const NUMBERS: [usize; 4] = [1, 100, 1_000, 10_000];

const ROUNDS: usize = 5;
const MEASUREMENT_TIME: Duration = Duration::from_secs(1);
const CONNECTIONS: usize = 64;

/// Number of beats after which the stats are read.
const CHANGES: usize = 100;

/// Paths to read.
const PATHS: [&str; 2] = ["/api/stats", "/"];

/// A server with a number of devices.
struct Site {
    number: usize,
    server: Server,
    database: Database,
    /// A beat of each device.
    beats: Arc<[Vec<u8>]>,
    /// Time from the start of the server to its first answer, in milliseconds.
    start: f64,
}

impl Site {
    async fn start(number: usize) -> Self {
        let database = Database::create().await;
        let builder = ServerBuilder::on(&database).without_shares();
        builder.start().await.stop().await;
        let beats = register(&database, number).await;
        let mut starts = Vec::new();
        for _ in 0..ROUNDS {
            let started = Instant::now();
            let mut server = builder.start().await;
            server.stranger().get("/api/stats").await;
            starts.push(started.elapsed().as_secs_f64() * 1e3);
            server.stop().await;
        }
        let start = median(starts);
        Self { number, server: builder.start().await, database, beats, start }
    }

    /// Where it stands in the curves.
    fn x(&self) -> f64 {
        number(self.number as u64)
    }

    async fn load(&self, connections: usize, requests: Arc<[Vec<u8>]>) -> Measurement {
        Load { port: self.server.port(), connections, requests }.run(MEASUREMENT_TIME).await
    }

    async fn bytes(&self, path: &str) -> usize {
        self.server.stranger().get(path).await.bytes.len()
    }
}

/// Adds devices that have beat once, faster than the route for the owner does; returns a beat request of each.
pub(crate) async fn register(database: &Database, number: usize) -> Arc<[Vec<u8>]> {
    database
        .execute(&format!(
            "INSERT INTO heartbeat.devices (name, token_hash, num_beats, last_beat)
             SELECT 'Device ' || id, sha256(('token ' || id)::bytea), 1, now() - interval '1 hour'
             FROM generate_series(0, {number} - 1) AS id;
             INSERT INTO heartbeat.beats SELECT id, last_beat FROM heartbeat.devices;"
        ))
        .await;
    database.execute("VACUUM ANALYZE heartbeat.devices").await;
    database.execute("CHECKPOINT").await;
    (0..number).map(|id| request("POST", "/api/beat", &format!("token {id}"))).collect()
}

pub(crate) async fn measure(table: &mut Table) {
    let mut sites = Vec::new();
    for number in NUMBERS {
        sites.push(Site::start(number).await);
    }
    beats(table, &sites).await;
    for path in PATHS {
        reads(table, &sites, path).await;
    }
    changed(table, &sites).await;
    table.heading("start to first answer", "1 device");
    for site in &sites {
        let what = format!("{} devices: start", site.number);
        // All devices are read before the first answer; the stats of 10,000 have 3,500 times the bytes of one.
        table.ratio(&what, "ms", site.start, sites[0].start, Target::AtMost(4.0));
        table.point("devices-start", "start", site.x(), site.start);
    }
    table.heading("memory after all this", "");
    for site in &sites {
        let kilobytes = number(resident_memory(site.server.pid())) / 1024.0;
        table.value(&format!("{} devices", site.number), "kB", kilobytes, Target::AtMost(40_000.0));
    }
}

/// Beats of all devices in turn, 64 at a time.
async fn beats(table: &mut Table, sites: &[Site]) {
    let mut measured = sites.iter().map(|_| Measurements::default()).collect::<Vec<_>>();
    for _ in 0..ROUNDS {
        for (site, measured) in sites.iter().zip(&mut measured) {
            measured.push(site.load(CONNECTIONS, Arc::clone(&site.beats)).await);
        }
    }
    table.heading("time of a beat, 64 at a time", "1 device");
    let times: Vec<f64> = measured.iter().map(|measured| 1e6 / measured.rate()).collect();
    for (site, time) in sites.iter().zip(&times) {
        table.ratio(&format!("{} devices: beat", site.number), "µs", *time, times[0], Target::AtMost(1.3));
        table.point("devices-beats", "64 at a time", site.x(), 1e6 / time);
    }
    for site in sites {
        let rows = site.database.number("SELECT count(*) FROM heartbeat.beats").await;
        let counted = site.database.number("SELECT sum(num_beats)::bigint FROM heartbeat.devices").await;
        assert_eq!(rows, counted, "{} devices", site.number);
    }
}

/// Reads of what does not change, against a constant of the same size.
async fn reads(table: &mut Table, sites: &[Site], path: &str) {
    table.heading(&format!("GET {path}, 64 at a time"), "constant");
    for site in sites {
        let bytes = site.bytes(path).await;
        let constant = Limit::start("constant", bytes).await;
        let (mut ours, mut limit) = (Measurements::default(), Measurements::default());
        for _ in 0..ROUNDS {
            ours.push(site.load(CONNECTIONS, Arc::new([request("GET", path, "")])).await);
            let constant = Load::of(constant.port, CONNECTIONS, request("GET", "/", ""));
            limit.push(constant.run(MEASUREMENT_TIME).await);
        }
        let what = format!("{} devices: {bytes} bytes of {path}", site.number);
        table.ratio(&what, "/s", ours.rate(), limit.rate(), Target::AtLeast(0.7));
        table.point("devices-bytes", path, site.x(), number(bytes as u64));
        table.point("devices-reads", path, site.x(), ours.rate());
    }
}

/// Reads of what has changed: the stats after each beat, which are made anew; a kB of them against one of 1,000 devices.
/// With fewer, the round trip counts more than the bytes.
async fn changed(table: &mut Table, sites: &[Site]) {
    table.heading("a kB of stats after a beat", "1,000 devices");
    let mut fewer = None;
    for site in sites.iter().filter(|site| site.number >= 1_000) {
        let stranger = site.server.stranger();
        let device = stranger.authorized("token 0");
        let mut times = Vec::new();
        for _ in 0..CHANGES {
            device.beat().await;
            let started = Instant::now();
            let bytes = stranger.get("/api/stats").await.bytes.len();
            times.push(started.elapsed().as_secs_f64() * 1e6 / (number(bytes as u64) / 1000.0));
        }
        let time = median(times);
        let what = format!("{} devices: a kB of stats", site.number);
        table.ratio(&what, "µs", time, *fewer.get_or_insert(time), Target::AtMost(1.3));
    }
}

#[expect(clippy::cast_precision_loss, reason = "bytes")]
fn number(bytes: u64) -> f64 {
    bytes as f64
}
