//! Clocks that are wrong: set ahead or back while devices beat, on one of two processes, or earlier, so that times of
//! the future are stored.

use std::{
    ops::RangeInclusive,
    sync::atomic::{AtomicI64, Ordering::SeqCst},
};

use heartbeat_core::{
    Clock, Heartbeat,
    database::{Pooler, Target},
    notify::subscriptions::Subscriptions,
    runtime::Runtime,
    settings::Choices,
    stats::Stats,
    token::TokenHash,
};
use heartbeat_tests::{Database, Server, ServerBuilder, is_soak};
use time::{Duration, OffsetDateTime};

const HOUR: i64 = 60 * 60;
const TWO_YEARS: i64 = 2 * 365 * 24 * HOUR;

/// Seconds by which the wrong clock is ahead of the right one.
static WRONG_BY: AtomicI64 = AtomicI64::new(0);

#[expect(clippy::disallowed_methods, reason = "the clock that is not wrong")]
fn right_clock() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

fn wrong_clock() -> OffsetDateTime {
    right_clock() + Duration::seconds(WRONG_BY.load(SeqCst))
}

/// Process with a clock of its own.
struct Process {
    heartbeat: Heartbeat,
    clock: Clock,
}

impl Process {
    fn start(database: &Database, clock: Clock) -> Self {
        let target = Target::new(database.url().parse().expect("options"), Pooler::None);
        let heartbeat =
            Heartbeat::start(&target, clock, Runtime::Server, Subscriptions::default(), Choices::default());
        Self { heartbeat, clock }
    }

    /// Records a beat; returns its Unix time.
    async fn beat(&self, token: &str) -> i64 {
        let recorded_at = self.heartbeat.beat(TokenHash::of(token.as_bytes()), None).await;
        recorded_at.expect("a recorded beat").unix_timestamp()
    }

    async fn stats(&self) -> Stats {
        self.heartbeat.snapshot((self.clock)()).await.expect("a snapshot").stats.clone()
    }
}

async fn database_time(database: &Database) -> i64 {
    database.number("SELECT floor(extract(epoch FROM clock_timestamp()))::bigint").await
}

/// Asserts that the stats show this beat as the last one, as of a moment up to now, and no absence longer than this
/// test.
async fn assert_shown(database: &Database, stats: &Stats, beat: i64, started_at: i64) {
    let now = database_time(database).await;
    assert_eq!(stats.last_seen, Some(beat));
    let possible: RangeInclusive<i64> = 0..=now - beat;
    assert!(possible.contains(&stats.last_seen_relative.expect("an age")), "{possible:?} {stats:?}");
    assert!((0..=now - started_at).contains(&stats.longest_absence), "{stats:?}");
    assert!((beat..=now).contains(&stats.as_of), "{beat}..={now} {stats:?}");
}

#[tokio::test]
async fn a_process_whose_clock_jumps_ahead_and_back_records_and_shows_right_times() {
    let (server, database) = Server::fresh().await;
    let started_at = database_time(&database).await;
    let (_, token) = server.owner().register("Laptop").await;
    let processes = [Process::start(&database, wrong_clock), Process::start(&database, right_clock)];
    let mut beats = 0;
    let jumps = [TWO_YEARS, 0, -TWO_YEARS, 0, HOUR, -HOUR, -1, 1, 0].repeat(if is_soak() { 20 } else { 1 });
    for jump in jumps {
        WRONG_BY.store(jump, SeqCst);
        for process in &processes {
            let before = database_time(&database).await;
            let beat = process.beat(&token).await;
            let after = database_time(&database).await;
            beats += 1;
            assert!((before..=after).contains(&beat), "{before} {beat} {after}, wrong by {jump}");
            let stats = process.stats().await;
            assert_eq!(stats.total_beats, beats, "wrong by {jump}");
            assert_shown(&database, &stats, beat, started_at).await;
        }
        // It shows what the other one recorded, too.
        let beat = processes[1].beat(&token).await;
        beats += 1;
        heartbeat_tests::eventually("the beat of the other process", async || {
            processes[0].stats().await.total_beats == beats
        })
        .await;
        assert_shown(&database, &processes[0].stats().await, beat, started_at).await;
    }
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, beats);
    assert_eq!(database.number("SELECT num_beats FROM heartbeat.devices").await, beats);
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.absences").await, 0);
    let future = "SELECT count(*) FROM heartbeat.beats WHERE time_stamp > clock_timestamp()";
    assert_eq!(database.number(future).await, 0);
}

/// Stores that the last beats of all came at `time`, as a process with a wrong clock may have done.
async fn store_last_beat(database: &Database, time: &str) {
    database
        .execute(&format!(
            "UPDATE heartbeat.devices SET last_beat = {time} WHERE last_beat IS NOT NULL;
             UPDATE heartbeat.stats SET last_beat = {time}, silent_since = {time};
             UPDATE heartbeat.beats SET time_stamp = {time}"
        ))
        .await;
}

/// Asserts that `beats` beats are counted, and that no time lies in the future.
async fn assert_nothing_in_the_future(server: &Server, database: &Database, beats: i64) {
    let stats = server.stranger().stats().await;
    let now = database_time(database).await;
    for time in [&stats["last_seen"], &stats["devices"][0]["last_beat"]] {
        assert!(time.is_null() || time.as_i64().is_some_and(|time| time <= now), "{stats}");
    }
    assert_eq!(stats["total_beats"], beats, "{stats}");
    for path in ["/", "/stats", "/badge/last-seen", "/badge/last-seen?device=0", "/og.png"] {
        assert_eq!(server.stranger().get(path).await.status, 200, "{path}");
    }
}

/// Beats; asserts that it is the last beat, and that absences end again.
async fn assert_overruled(server: &Server, database: &Database, token: &str) {
    let record = "SELECT floor(extract(epoch FROM longest_absence))::bigint FROM heartbeat.stats";
    let longest = database.number(record).await;
    let beat = server.stranger().authorized(token).beat().await;
    assert_eq!(server.stranger().stats().await["last_seen"], beat);
    assert_eq!(database.number(record).await, longest, "nobody knows how long it was");

    let absence = longest.max(HOUR) + HOUR;
    store_last_beat(database, &format!("clock_timestamp() - interval '{absence} seconds'")).await;
    let server = ServerBuilder::on(database).start().await;
    let (_, phone) = server.owner().register("Phone").await;
    server.stranger().authorized(&phone).beat().await;
    let stats = server.stranger().stats().await;
    assert!(stats["longest_absence"].as_i64() >= Some(absence), "{stats}");
    assert!(database.number(record).await < absence + HOUR);
}

#[tokio::test]
async fn a_stored_time_in_the_future_is_never_shown_and_overruled_by_the_next_beat() {
    let (server, database) = Server::fresh().await;
    let (_, token) = server.owner().register("Laptop").await;
    let mut beats = 0;
    for time in ["clock_timestamp() + interval '2 years'", "'9999-12-31'", "'294276-12-31'", "'infinity'"] {
        server.stranger().authorized(&token).beat().await;
        store_last_beat(&database, time).await;
        beats += 1;
        let other = ServerBuilder::on(&database).start().await;
        assert_nothing_in_the_future(&other, &database, beats).await;
        assert_overruled(&other, &database, &token).await;
        beats += 2;
    }
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.absences").await, 4);
}

#[tokio::test]
async fn a_time_of_another_device_in_the_future_hides_no_absence() {
    let (server, database) = Server::fresh().await;
    let (_, laptop) = server.owner().register("Laptop").await;
    server.stranger().authorized(&laptop).beat().await;
    server.device("Phone").await.beat().await;
    // The phone has beaten with a clock ahead, and never will again.
    database
        .execute(
            "UPDATE heartbeat.devices SET last_beat = now() + interval '2 years' WHERE id = 1;
             UPDATE heartbeat.devices SET last_beat = now() - interval '2 hours' WHERE id = 0;
             UPDATE heartbeat.stats SET last_beat = now() - interval '2 hours'",
        )
        .await;
    let server = ServerBuilder::on(&database).start().await;
    let silent = server.stranger().stats().await;
    assert!(silent["last_seen_relative"].as_i64() >= Some(2 * HOUR), "{silent}");
    server.stranger().authorized(&laptop).beat().await;
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.absences").await, 1);
    let length = "SELECT floor(extract(epoch FROM ended_at - started_at))::bigint FROM heartbeat.absences";
    assert!((2 * HOUR..3 * HOUR).contains(&database.number(length).await));
}
