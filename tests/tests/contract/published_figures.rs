//! The figures of a boundary, against what a look at all beats says.

use heartbeat_core::{
    database::{Connection, Pooler, Target, published},
    settings::{Precision, Timezone},
    stats::PublishedStats,
};
use heartbeat_tests::{Database, Server};
use time::OffsetDateTime;

const DEVICES: i64 = 4;

/// A reproducible sequence of numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).expect("31 bits") % bound
    }
}

/// Beats at times of the past, with the counters that they leave behind.
struct History {
    database: Database,
    connection: Connection,
}

impl History {
    /// Tables with devices, and figures as of `as_of`, in seconds since 1970.
    async fn begin(as_of: i64) -> Self {
        let (_, database) = Server::fresh().await;
        let target = Target::new(database.url().parse().expect("options"), Pooler::None);
        let connection = Connection::open(&target).await.expect("a connection");
        database
            .execute(&format!(
                "INSERT INTO heartbeat.devices (name, token_hash, created_at)
                 SELECT 'Device ' || number, sha256(number::text::bytea), 'epoch'
                 FROM generate_series(1, {DEVICES}) AS number;
                 INSERT INTO heartbeat.published_stats (as_of, visits, longest_absence)
                 VALUES (to_timestamp({as_of}), 0, '0');"
            ))
            .await;
        Self { database, connection }
    }

    /// Records beats of devices at times in milliseconds since 1970.
    async fn record(&self, beats: &[(i64, i64)]) {
        let rows = beats.iter().map(|(device, time)| format!("({device}, to_timestamp({time} / 1000.0))"));
        let rows = rows.collect::<Vec<_>>().join(", ");
        let values = if rows.is_empty() {
            String::new()
        } else {
            format!("INSERT INTO heartbeat.beats (device, time_stamp) VALUES {rows};")
        };
        self.database
            .execute(&format!(
                "{values}
                 UPDATE heartbeat.devices SET (num_beats, last_beat) =
                     (SELECT count(*), max(time_stamp) FROM heartbeat.beats WHERE device = devices.id);
                 UPDATE heartbeat.stats SET longest_absence = COALESCE((
                     SELECT max(gap) FROM (
                         SELECT time_stamp - lag(time_stamp) OVER (ORDER BY time_stamp) AS gap FROM heartbeat.beats
                     ) AS absence
                 ), '0');"
            ))
            .await;
    }

    /// Moves the figures on, and returns them.
    async fn roll(&mut self, previous: i64, boundary: i64) -> PublishedStats {
        let time = |seconds| OffsetDateTime::from_unix_timestamp(seconds).expect("in range");
        published::roll_forward(&mut self.connection, time(previous), time(boundary)).await.expect("figures");
        let read = published::read(&mut self.connection, Precision::Minute, &Timezone::default()).await;
        read.expect("figures").expect("a row")
    }

    /// What all beats before `boundary` say: number and last beat of each device, and the longest absence.
    async fn naive(&self, boundary: i64) -> (Vec<(i64, Option<i64>)>, i64) {
        let mut devices = Vec::new();
        for id in 0..DEVICES {
            let of =
                format!("FROM heartbeat.beats WHERE device = {id} AND time_stamp < to_timestamp({boundary})");
            let beats = self.database.number(&format!("SELECT count(*) {of}")).await;
            let last = format!(
                "SELECT COALESCE(floor(extract(epoch FROM max(time_stamp)) * 1000), -1)::bigint {of}"
            );
            let last = self.database.number(&last).await;
            devices.push((beats, (last >= 0).then_some(last)));
        }
        let longest = format!(
            "SELECT COALESCE(floor(extract(epoch FROM max(gap))), 0)::bigint FROM (
                 SELECT time_stamp - lag(time_stamp) OVER (ORDER BY time_stamp) AS gap
                 FROM heartbeat.beats WHERE time_stamp < to_timestamp({boundary})
             ) AS absence"
        );
        (devices, self.database.number(&longest).await)
    }
}

fn devices(figures: &PublishedStats) -> Vec<(i64, Option<i64>)> {
    let milliseconds =
        |time: OffsetDateTime| i64::try_from(time.unix_timestamp_nanos() / 1_000_000).expect("in range");
    figures.devices.iter().map(|device| (device.num_beats, device.last_beat.map(milliseconds))).collect()
}

#[tokio::test]
async fn they_are_those_of_all_beats_before_the_boundary() {
    for seed in 1..4 {
        let mut random = Random(seed);
        let database = Database::create().await;
        let now = database.number("SELECT floor(extract(epoch FROM clock_timestamp()))::bigint").await;
        // Two hours up to now, in which absences end before and after boundaries.
        let (mut time, mut boundary) = (now - 7_200, now - 7_200);
        let mut history = History::begin(boundary).await;
        while time < now - 300 {
            let until = time + 1 + random.below(300);
            let pace = 1 + random.below(8);
            let mut times: Vec<i64> =
                (0..random.below(30)).map(|_| time * 1_000 + random.below((until - time) * 1_000)).collect();
            times.sort_unstable();
            let beats: Vec<(i64, i64)> =
                times.into_iter().map(|time| (random.below(pace).min(DEVICES - 1), time)).collect();
            history.record(&beats).await;
            time = until;
            let next = boundary + 1 + random.below(time - boundary);
            let figures = history.roll(boundary, next).await;
            boundary = next;
            let (expected, longest) = history.naive(boundary).await;
            assert_eq!((devices(&figures), figures.longest_absence), (expected, longest), "seed {seed}");
        }
    }
}

#[tokio::test]
async fn a_beat_that_was_committed_after_the_boundary_had_passed_counts_from_the_next_one_on() {
    let database = Database::create().await;
    let now = database.number("SELECT floor(extract(epoch FROM clock_timestamp()))::bigint").await;
    let (first, second, third) = (now - 180, now - 120, now - 60);
    let mut history = History::begin(first).await;
    history.record(&[(0, second * 1_000 - 9_000)]).await;
    assert_eq!(devices(&history.roll(first, second).await)[0], (1, Some(second * 1_000 - 9_000)));
    // It began before the boundary; another came after the next.
    history.record(&[(0, second * 1_000 - 1), (0, third * 1_000 + 1)]).await;
    let figures = history.roll(second, third).await;
    assert_eq!(devices(&figures)[0], (2, Some(second * 1_000 - 1)));
    // Another process was first: nothing is done twice.
    history.record(&[(0, first * 1_000)]).await;
    assert_eq!(history.roll(second, third).await, figures);
}
