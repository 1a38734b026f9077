//! Guessed pairing codes.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use heartbeat_tests::Server;
use sqlx::Executor;

#[tokio::test]
async fn guessed_codes_that_wait_for_the_database_delay_no_beat() {
    let (server, database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    laptop.beat().await;
    // No guess is answered while the count of failures is locked.
    let mut lock = database.connect().await;
    let locked = sqlx::raw_sql("BEGIN; SELECT FROM heartbeat.pairing_failures FOR UPDATE");
    locked.execute(&mut lock).await.expect("a lock");
    let stranger = server.stranger();
    let guesses = join_all((0..10).map(|_| async { stranger.redeem("BCDF-GHJK").await.status }));
    let beats = async {
        let started = Instant::now();
        for _ in 0..20 {
            laptop.beat().await;
        }
        started.elapsed()
    };
    let (guesses, duration) = tokio::join!(guesses, beats);
    assert!(duration < Duration::from_secs(1), "{duration:?}");
    // It is not known whether they are right, so no client may be told that they are wrong.
    assert!(guesses.iter().all(|status| [503, 429].contains(status)), "{guesses:?}");
    lock.execute("ROLLBACK").await.expect("no lock");
    assert_eq!(stranger.redeem("BCDF-GHJK").await.status, 404);
}

#[tokio::test]
async fn guesses_after_the_limit_ask_the_database_nothing() {
    let (server, database) = Server::fresh().await;
    server.device("Laptop").await;
    database
        .execute(
            "UPDATE heartbeat.pairing_failures
             SET failed_at = ARRAY(SELECT now() FROM generate_series(1, 10))",
        )
        .await;
    assert_eq!(server.stranger().redeem("BCDF-GHJK").await.status, 429);
    let mut lock = database.connect().await;
    let locked = sqlx::raw_sql("BEGIN; SELECT FROM heartbeat.pairing_failures FOR UPDATE");
    locked.execute(&mut lock).await.expect("a lock");
    let started = Instant::now();
    for _ in 0..50 {
        let answer = server.stranger().redeem("BCDF-GHJK").await;
        let seconds: u64 = answer.header("retry-after").parse().unwrap_or_default();
        assert!(answer.status == 429 && (1..=60).contains(&seconds), "{answer}");
    }
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test]
async fn made_up_tokens_delay_no_beat_of_a_device() {
    let (server, database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    laptop.beat().await;
    let stranger = server.stranger();
    let unknown = join_all((0..200).map(|number| {
        let client = stranger.authorized(&format!("hbt_{number}"));
        async move { client.post("/api/beat", "").await.status }
    }));
    let beats = async {
        for _ in 0..20 {
            laptop.beat().await;
        }
    };
    let (unknown, ()) = tokio::join!(unknown, beats);
    assert!(unknown.iter().all(|status| [401, 429].contains(status)), "{unknown:?}");
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, 21);
}
