//! Guessed pairing codes, and made-up tokens.

use heartbeat_tests::{Database, Server, eventually};
use sqlx::{Executor, PgConnection};
use tokio::task::JoinSet;

/// Returns a connection to the database that keeps others waiting for what it has locked.
async fn lock(database: &Database, sql: &'static str) -> PgConnection {
    let mut lock = database.connect().await;
    lock.execute(sqlx::raw_sql(sql)).await.expect("a lock");
    lock
}

const LOCK_FAILURES: &str = "BEGIN; SELECT FROM heartbeat.pairing_failures FOR UPDATE";

#[tokio::test]
async fn guessed_codes_that_wait_for_the_database_delay_neither_beats_nor_stats() {
    let (server, database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    laptop.beat().await;
    // No guess is answered while the count of failures is locked.
    let mut lock = lock(&database, LOCK_FAILURES).await;
    let stranger = server.stranger();
    let mut guesses = JoinSet::new();
    for _ in 0..4 {
        let stranger = server.stranger();
        guesses.spawn(async move { stranger.redeem("BCDF-GHJK").await.status });
    }
    let mut statuses = Vec::new();
    while !guesses.is_empty() {
        laptop.beat().await;
        let stats = stranger.get("/api/stats").await;
        assert_eq!(stats.status, 200, "{stats}");
        statuses.extend(std::iter::from_fn(|| guesses.try_join_next()).map(|guess| guess.expect("a status")));
    }
    // It is not known whether they are right, so no client may be told that they are wrong.
    assert!(statuses.iter().all(|status| [503, 429].contains(status)), "{statuses:?}");
    lock.execute("ROLLBACK").await.expect("no lock");
    assert_eq!(stranger.redeem("BCDF-GHJK").await.status, 404);
}

#[tokio::test]
async fn a_code_is_redeemed_even_if_the_client_hangs_up_half_way() {
    let (server, database) = Server::fresh().await;
    let (id, _) = server.owner().register("Phone").await;
    let code = server.owner().pairing_code(id).await;
    let mut lock = lock(&database, LOCK_FAILURES).await;
    let client = server.stranger();
    let redeem = tokio::spawn(async move { client.redeem(&code).await.status });
    eventually("a redemption that waits for the lock", async || {
        database
            .number(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
            AND datname = current_database()",
            )
            .await
            > 0
    })
    .await;
    redeem.abort();
    assert!(redeem.await.is_err_and(|error| error.is_cancelled()));
    // What comes later finds that the server has seen the client go.
    server.stranger().stats().await;
    lock.execute("ROLLBACK").await.expect("no lock");
    eventually("a redeemed code", async || {
        database.number("SELECT count(redeemed_at) FROM heartbeat.pairings").await == 1
    })
    .await;
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
    let _lock = lock(&database, LOCK_FAILURES).await;
    // Had one asked the database, it would have waited for the lock in vain, and said so.
    for _ in 0..50 {
        let answer = server.stranger().redeem("BCDF-GHJK").await;
        let seconds: u64 = answer.header("retry-after").parse().unwrap_or_default();
        assert!(answer.status == 429 && (1..=60).contains(&seconds), "{answer}");
    }
}

#[tokio::test]
async fn made_up_tokens_that_wait_for_the_database_delay_no_beat_of_a_device() {
    let (server, database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    laptop.beat().await;
    // What is on offer cannot be looked up.
    let mut lock = lock(&database, "BEGIN; LOCK heartbeat.offered_tokens").await;
    let unknown = async || server.stranger().authorized("hbt_1").post("/api/beat", "").await.status;
    let beats = async {
        for _ in 0..20 {
            laptop.beat().await;
        }
    };
    tokio::select! {
        biased;
        status = unknown() => panic!("{status} before the beats of a device were recorded"),
        () = beats => {}
    }
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, 21);
    // It is not known whether the token is right, so no client may be told that it is wrong.
    assert_eq!(unknown().await, 503);
    lock.execute("ROLLBACK").await.expect("no lock");
    assert_eq!(unknown().await, 401);
}
