//! Readers in masses: they share one read of the database, so beats do not wait behind them.

use std::time::{Duration, Instant};

use heartbeat_tests::{CountingProxy, Database, ServerBuilder};
use tokio::task::JoinSet;

/// Readers at the same time.
const READERS: usize = 100;

/// Time that an answer of a far database takes.
const FAR: Duration = Duration::from_millis(40);

/// Requests of each reader.
const REQUESTS: usize = 30;

#[tokio::test]
async fn however_many_read_the_database_is_asked_once_a_second_and_beats_are_recorded() {
    let (database, proxy) = (Database::create().await, CountingProxy::start().await);
    let server = ServerBuilder::on(&database)
        .environment("HEARTBEAT_DATABASE_DSN", &proxy.url(&database))
        .start()
        .await;
    let laptop = server.device("Laptop").await;
    laptop.beat().await;
    let (before, started) = (proxy.round_trips(), Instant::now());
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let reader = server.stranger();
        readers.spawn(async move {
            for _ in 0..REQUESTS {
                let answer = reader.get("/api/stats").await;
                assert_eq!(answer.status, 200, "{answer}");
            }
        });
    }
    let mut beats = 0;
    while !readers.is_empty() {
        laptop.beat().await;
        beats += 1;
        while let Some(reader) = readers.try_join_next() {
            reader.expect("answers to all requests");
        }
    }
    // A beat is one round trip or two, a read one; jobs and dispatcher look a few times in ten seconds.
    let seconds = usize::try_from(started.elapsed().as_secs()).expect("few") + 1;
    let reads = (proxy.round_trips() - before).saturating_sub(2 * beats);
    assert!(reads <= 2 * seconds + 10, "{reads} reads in {seconds} s for {} requests", READERS * REQUESTS);
    assert_eq!(server.stranger().stats().await["total_beats"], beats + 1);
}

#[tokio::test]
async fn a_far_database_is_set_up_and_readers_leave_beats_alone() {
    // Setting the tables up takes longer than a request may wait.
    let (database, proxy) = (Database::create().await, CountingProxy::start_with_delay(FAR).await);
    let server = ServerBuilder::on(&database)
        .environment("HEARTBEAT_DATABASE_DSN", &proxy.url(&database))
        .start()
        .await;
    let laptop = server.device("Laptop").await;
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let reader = server.stranger();
        readers.spawn(async move {
            for _ in 0..REQUESTS {
                reader.get("/api/stats").await;
            }
        });
    }
    let mut beats = 0;
    while !readers.is_empty() {
        // Asserts that it is not answered with 503.
        laptop.beat().await;
        beats += 1;
        while let Some(reader) = readers.try_join_next() {
            reader.expect("answers to all requests");
        }
    }
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, beats);
}
