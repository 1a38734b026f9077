//! A database that is away.

use std::time::Duration;

use heartbeat_tests::{Database, Server, ServerBuilder};
use insta::assert_snapshot;
use tokio::time::timeout;

#[tokio::test]
async fn without_a_database_at_the_start_the_server_waits_for_it_and_recovers_by_itself() {
    let database = Database::reserve();
    let mut server = ServerBuilder::on(&database).start_listening().await;
    assert_snapshot!(server.stranger().get("/api/stats").await, @r#"
    503
    content-type: application/problem+json
    retry-after: 5

    {"type":"about:blank","title":"Service Unavailable","status":503,"detail":"The database is not available right now. Please try again in a few seconds."}
    "#);
    assert_eq!(server.stranger().authorized("hbt_any").post("/api/beat", "").await.status, 503);
    assert_eq!(server.owner().post("/api/devices", r#"{"name": "Laptop"}"#).await.status, 503);
    assert_eq!(server.owner().post("/api/devices/0/token/generate", "").await.status, 503);
    let page = server.stranger().get("/").await;
    assert_eq!((page.status, page.header("content-type")), (503, "text/html; charset=utf-8"));
    // What needs no database is answered as ever.
    assert_eq!(server.stranger().post("/api/beat", "").await.status, 401);

    database.create_now().await;
    server.wait_for("the database is ready").await;
    server.device("Laptop").await.beat().await;
    assert_eq!(server.stranger().stats().await["total_beats"], 1);
}

#[tokio::test]
async fn connections_that_the_database_closes_are_opened_again() {
    let (server, database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    laptop.beat().await;
    database
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
    // The beat that runs into it is refused, not lost in silence; the next one finds a new connection.
    let first = laptop.post("/api/beat", "").await.status;
    assert!([200, 503].contains(&first), "{first}");
    laptop.beat().await;
    let acknowledged = if first == 200 { 3 } else { 2 };
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, acknowledged);
}

#[tokio::test]
async fn a_database_that_hangs_is_answered_for_with_503_and_forgotten_nothing() {
    let (server, database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    laptop.beat().await;
    let mut holder = database.connect().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE heartbeat.devices").execute(&mut holder).await.expect("a lock");
    let answer =
        timeout(Duration::from_secs(5), laptop.post("/api/beat", "")).await.expect("an answer in time");
    assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.expect("the end of the lock");

    laptop.beat().await;
    assert_eq!(
        server.stranger().stats().await["total_beats"],
        database.number("SELECT count(*) FROM heartbeat.beats").await
    );
}

#[tokio::test]
async fn a_password_that_the_database_refuses_is_not_logged() {
    let database = Database::create().await;
    let url = database.url().replace("heartbeat@", "nobody-there:hush@");
    let mut server =
        ServerBuilder::on(&database).environment("HEARTBEAT_DATABASE_DSN", &url).start_listening().await;
    let line = server.wait_for("refuses this user or password").await;
    assert!(line.contains("SQLSTATE 28000") && !line.contains("hush"), "{line}");
}
