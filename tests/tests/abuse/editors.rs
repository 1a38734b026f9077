//! Made-up credentials and bodies at the routes for editors.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use heartbeat_tests::{Client, Server};

const BULK: &str = "/api/v1/users/current/heartbeats.bulk";

/// Sends made-up keys one after another; returns the number of responses by status.
async fn guess(client: &Client, times: usize) -> BTreeMap<u16, usize> {
    let mut responses = BTreeMap::new();
    for number in 0..times {
        let key = format!("00000000-0000-4000-8000-{number:012}");
        let response = client.editor(&key).post(BULK, "[]").await;
        *responses.entry(response.status).or_default() += 1;
    }
    responses
}

#[tokio::test]
async fn guesses_at_keys_are_rate_limited_and_valid_keys_never_are() {
    let (server, _database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    let key = server.owner().editor_key(0).await;
    let responses = guess(&server.stranger(), 40).await;
    assert!(responses[&401] >= 20 && responses[&429] >= 10, "{responses:?}");
    // All come from one client IP, and yet the key, which this process has not seen yet, works.
    assert_eq!(server.stranger().editor(&key).post(BULK, "[]").await.status, 201);
    // Guesses anywhere count as one.
    assert_eq!(server.stranger().authorized("hbt_wrong").post("/api/beat", "").await.status, 429);
}

#[tokio::test]
async fn requests_without_credentials_lock_no_editor_out() {
    let (server, _database) = Server::fresh().await;
    for _ in 0..30 {
        assert_eq!(server.stranger().post(BULK, "[]").await.status, 401);
    }
    assert_eq!(guess(&server.stranger(), 1).await, BTreeMap::from([(401, 1)]));
}

#[tokio::test]
async fn made_up_keys_that_wait_for_the_database_delay_no_beat() {
    let (server, database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    let key = server.owner().editor_key(0).await;
    // No lookup ends while the table is locked.
    let mut lock = database.connect().await;
    let locked = sqlx::raw_sql("BEGIN; LOCK TABLE heartbeat.editor_keys IN ACCESS EXCLUSIVE MODE");
    locked.execute(&mut lock).await.expect("a lock");
    let stranger = server.stranger();
    let guesses = join_all((0..10).map(|_| guess(&stranger, 1)));
    let beats = async {
        let started = Instant::now();
        for _ in 0..5 {
            laptop.beat().await;
        }
        started.elapsed()
    };
    let (guesses, duration) = tokio::join!(guesses, beats);
    assert!(duration < Duration::from_secs(1), "{duration:?}");
    // It is not known whether they are valid, so no client may be told that they are not.
    assert_eq!(guesses, vec![BTreeMap::from([(503, 1)]); 10]);

    sqlx::raw_sql("ROLLBACK").execute(&mut lock).await.expect("no lock");
    assert_eq!(stranger.editor(&key).post(BULK, "[]").await.status, 201);
}
