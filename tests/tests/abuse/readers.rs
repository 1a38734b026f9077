//! Floods of reads: all share one read of the database, so beats do not queue behind them.

use std::time::{Duration, Instant};

use heartbeat_tests::{Client, CountingProxy, Database, Distance, Server, ServerBuilder};
use tokio::{sync::watch, task::JoinSet, time::interval};

use super::connections::{allow_many_connections, connect_from, status_of_stats};

/// Number of concurrent readers.
const READERS: usize = 100;

/// Latency of a distant database.
const DATABASE_LATENCY: Duration = Duration::from_millis(40);

/// Number of requests of each reader.
const REQUESTS_PER_READER: usize = 30;

/// Starts a server whose database is distant. The proxy in between runs as long as the test.
async fn start_far_from_the_database() -> (Server, Database) {
    let database = Database::create().await;
    let distance = Distance::to(&database, DATABASE_LATENCY);
    let server =
        ServerBuilder::on(&database).environment("HEARTBEAT_DATABASE_DSN", distance.url()).start().await;
    (server, database)
}

/// Beats until all readers have their responses. Panics unless each beat is recorded; returns their number.
async fn beat_during<T: 'static>(mut readers: JoinSet<T>, device: &Client) -> usize {
    let mut beats = 0;
    while !readers.is_empty() {
        device.beat().await;
        beats += 1;
        while let Some(reader) = readers.try_join_next() {
            reader.expect("responses to all requests");
        }
    }
    beats
}

#[tokio::test]
async fn under_a_flood_of_reads_the_database_is_queried_once_a_second_and_beats_are_recorded() {
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
            for _ in 0..REQUESTS_PER_READER {
                let response = reader.get("/api/stats").await;
                assert_eq!(response.status, 200, "{response}");
            }
        });
    }
    let beats = beat_during(readers, &laptop).await;
    // A beat is one round trip or two, a read one; jobs and the dispatcher poll a few times in ten seconds.
    let seconds = usize::try_from(started.elapsed().as_secs()).expect("few") + 1;
    let reads = (proxy.round_trips() - before).saturating_sub(2 * beats);
    assert!(
        reads <= 2 * seconds + 10,
        "{reads} reads in {seconds} s for {} requests",
        READERS * REQUESTS_PER_READER
    );
    assert_eq!(server.stranger().stats().await["total_beats"], beats + 1);
}

#[tokio::test]
async fn a_distant_database_is_set_up_and_a_flood_of_reads_fails_no_beat() {
    // Setting the tables up takes longer than the timeout of a request.
    let (server, database) = start_far_from_the_database().await;
    let laptop = server.device("Laptop").await;
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let reader = server.stranger();
        readers.spawn(async move {
            for _ in 0..REQUESTS_PER_READER {
                reader.get("/api/stats").await;
            }
        });
    }
    let beats = beat_during(readers, &laptop).await;
    assert_eq!(usize::try_from(database.number("SELECT count(*) FROM heartbeat.beats").await), Ok(beats));
}

#[tokio::test(flavor = "multi_thread")]
async fn six_thousand_reads_a_second_before_a_distant_database_fail_no_beat() {
    const READERS: usize = 6_000;
    const HOSTS: usize = 100;
    const SECONDS: usize = 3;
    allow_many_connections();
    let (server, database) = start_far_from_the_database().await;
    let laptop = server.device("Laptop").await;
    let (second, seconds) = watch::channel(0);
    let mut readers = JoinSet::new();
    for number in 0..READERS {
        let (host, port) = (u8::try_from(number % HOSTS).expect("few"), server.port());
        let mut connection = connect_from(host, port).await;
        let mut seconds = seconds.clone();
        readers.spawn(async move {
            for number in 1..=SECONDS {
                seconds.wait_for(|second| *second >= number).await.expect("the next second");
                // A connection that waited for too long, on a slow machine, was closed.
                while status_of_stats(&mut connection).await != Some(200) {
                    connection = connect_from(host, port).await;
                }
            }
        });
    }
    let ticks = tokio::spawn(async move {
        let mut ticks = interval(Duration::from_secs(1));
        for number in 1..=SECONDS {
            ticks.tick().await;
            second.send_replace(number);
        }
        // Readers wait for seconds while this is there.
        second.closed().await;
    });
    drop(seconds);
    let beats = beat_during(readers, &laptop).await;
    ticks.await.expect("three seconds");
    assert_eq!(usize::try_from(database.number("SELECT count(*) FROM heartbeat.beats").await), Ok(beats));
}
