//! Clock set back while devices beat.

use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use heartbeat_core::{
    Heartbeat, notify::subscriptions::Subscriptions, runtime::Runtime, stats::Stats, token::TokenHash,
};
use heartbeat_tests::{Database, Server};
use time::OffsetDateTime;

const HOUR: i64 = 60 * 60;

/// Unix time of the fake clock, which only the test advances.
static NOW: AtomicI64 = AtomicI64::new(1_800_000_000);

fn clock() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(NOW.load(SeqCst)).expect("in range")
}

/// Heartbeat with one device, on the fake clock.
struct Subject {
    heartbeat: Heartbeat,
    token: TokenHash,
}

impl Subject {
    async fn on(database: &Database, server: Server) -> Self {
        let (_, token) = server.owner().register("Laptop").await;
        let options: sqlx::postgres::PgConnectOptions = database.url().parse().expect("options");
        let heartbeat = Heartbeat::start(&options, clock, Runtime::Server, Subscriptions::default());
        Self { heartbeat, token: TokenHash::of(token.as_bytes()) }
    }

    /// Advances the clock, or sets it back, and beats; returns the stats.
    async fn beat_after(&self, seconds: i64) -> Stats {
        NOW.fetch_add(seconds, SeqCst);
        self.heartbeat.beat(self.token, clock()).await.expect("a recorded beat");
        self.stats().await
    }

    async fn stats(&self) -> Stats {
        self.heartbeat.snapshot(clock()).await.expect("a snapshot").stats.clone()
    }
}

#[tokio::test]
async fn beats_after_the_clock_was_set_back_an_hour_count_and_make_no_absence() {
    let (server, database) = Server::fresh().await;
    let subject = Subject::on(&database, server).await;
    subject.beat_after(0).await;
    let stats = subject.beat_after(10).await;
    assert_eq!((stats.total_beats, stats.longest_absence), (2, 10));
    let latest = stats.last_seen;

    let mut beats = 2;
    // Back, and then forward until just before the beat that seems to lie in the future.
    for seconds in [-HOUR, 0, 1, 30, HOUR / 2, HOUR / 2 - 32] {
        let stats = subject.beat_after(seconds).await;
        beats += 1;
        assert_eq!((stats.total_beats, stats.longest_absence), (beats, 10), "after {seconds}");
        assert_eq!((stats.last_seen, stats.last_seen_relative), (latest, Some(0)), "after {seconds}");
    }
    // Past that beat, and then as usual.
    assert_eq!(subject.beat_after(5).await.longest_absence, 10);
    assert_eq!(subject.beat_after(20).await.longest_absence, 20);
    beats += 2;
    NOW.fetch_add(7, SeqCst);
    let stats = subject.stats().await;
    assert_eq!((stats.total_beats, stats.last_seen_relative, stats.longest_absence), (beats, Some(7), 20));

    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, beats);
    assert_eq!(database.number("SELECT num_beats FROM heartbeat.devices").await, beats);
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.absences").await, 0);
}
