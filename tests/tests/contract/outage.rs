//! Outages of the database.

use std::time::Duration;

use heartbeat_tests::{Client, Database, Server, ServerBuilder, eventually};
use insta::assert_snapshot;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, UnixStream},
    sync::watch,
    time::timeout,
};

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
    // Requests that need no database are answered as usual.
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
    database.end_connections().await;
    // The next beat certainly never reached the database, so it is retried.
    laptop.beat().await;
    laptop.beat().await;
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, 3);
}

#[tokio::test]
async fn while_the_database_hangs_beats_are_answered_with_503_and_none_is_lost() {
    let (server, database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    laptop.beat().await;
    let mut holder = database.connect().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE heartbeat.devices").execute(&mut holder).await.expect("a lock");
    let response =
        timeout(Duration::from_secs(5), laptop.post("/api/beat", "")).await.expect("a response in time");
    assert_eq!((response.status, response.header("retry-after")), (503, "5"));
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.expect("a released lock");

    laptop.beat().await;
    assert_eq!(
        server.stranger().stats().await["total_beats"],
        database.number("SELECT count(*) FROM heartbeat.beats").await
    );
}

#[tokio::test]
async fn beats_that_timed_out_are_not_recorded_later() {
    let (server, database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    let mut holder = database.connect().await;
    sqlx::raw_sql("BEGIN; SELECT FROM heartbeat.stats FOR UPDATE")
        .execute(&mut holder)
        .await
        .expect("a lock");
    for _ in 0..3 {
        assert_eq!(server.stranger().get("/").await.status, 200);
        assert_eq!(laptop.post("/api/beat", "").await.status, 503);
    }
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.expect("a released lock");
    laptop.beat().await;
    let visits = "SELECT total_visits FROM heartbeat.stats";
    eventually("all visits in the database", async || database.number(visits).await >= 3).await;
    let mut others = database.connect().await;
    let busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                AND state = 'active' AND pid <> pg_backend_pid()";
    eventually("an idle database", async || {
        let busy: i64 = sqlx::query_scalar(busy).fetch_one(&mut others).await.expect("a number");
        busy == 0
    })
    .await;
    assert_eq!(database.number(visits).await, 3);
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, 1);
}

#[tokio::test]
async fn what_was_refused_because_time_ran_out_is_not_done_when_the_database_goes_on() {
    let (server, database) = Server::fresh().await;
    let (id, token) = server.owner().register("Laptop").await;
    let (laptop, phone) = (server.stranger().authorized(&token), server.device("Phone").await);
    let mut holder = database.connect().await;
    sqlx::raw_sql("BEGIN; SELECT FROM heartbeat.stats FOR UPDATE; SELECT FROM heartbeat.devices FOR UPDATE")
        .execute(&mut holder)
        .await
        .expect("locks");
    let beat = |client: &Client| {
        let client = client.clone();
        tokio::spawn(async move { client.post("/api/beat", "").await.status })
    };
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let first = beat(&laptop);
    eventually("a beat that waits for the locks", async || database.number(waiting).await > 0).await;
    // These share the next batch, whose time is nearly over when it comes to the new token.
    let second = beat(&phone);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let third = beat(&phone);
    let new_token = server.owner().post(&format!("/api/devices/{id}/token/generate"), "").await;
    for refused in [first.await, second.await, third.await, Ok(new_token.status)] {
        assert_eq!(refused.expect("a response"), 503);
    }
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.expect("released locks");
    let busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                AND state = 'active' AND pid <> pg_backend_pid()";
    eventually("an idle database", async || database.number(busy).await == 0).await;
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, 0);
    laptop.beat().await;
}

/// Proxy to the database that answers nothing at first. Returns its port, and what makes it close the connections that
/// it holds and forward new ones.
async fn start_silent_proxy() -> (u16, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("a local address").port();
    let (forward, forwards) = watch::channel(false);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut forwards = forwards.clone();
            tokio::spawn(async move {
                if !*forwards.borrow_and_update() {
                    let _ = forwards.changed().await;
                    return;
                }
                let mut server = UnixStream::connect(Database::socket()).await.expect("PostgreSQL");
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (port, forward)
}

#[tokio::test]
async fn a_connection_attempt_from_before_an_outage_ended_fails_no_request_after_it() {
    let database = Database::create().await;
    let (port, forward) = start_silent_proxy().await;
    let url = format!("postgresql://heartbeat@127.0.0.1:{port}/{}", database.name());
    let server =
        ServerBuilder::on(&database).environment("HEARTBEAT_DATABASE_DSN", &url).start_listening().await;
    let stranger = server.stranger().authorized("hbt_any");
    // Its time is up, and the attempt goes on.
    assert_eq!(stranger.post("/api/beat", "").await.status, 503);
    let waiting = tokio::spawn(async move { stranger.post("/api/beat", "").await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    forward.send_replace(true);
    // The database looked the token up.
    assert_eq!(waiting.await.expect("a response").status, 401);
}

#[tokio::test]
async fn a_read_only_connection_is_replaced_when_the_database_accepts_writes_again() {
    let (server, database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    let name = database.name();
    database.execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    database.end_connections().await;
    eventually("a server on a read-only database", async || {
        server.stranger().get("/api/stats").await.status == 200
    })
    .await;
    assert_eq!(laptop.post("/api/beat", "").await.status, 503);
    let mut administrator = database.connect().await;
    for statement in
        ["SET default_transaction_read_only = off".to_owned(), format!("ALTER DATABASE {name} RESET ALL")]
    {
        let statement = sqlx::AssertSqlSafe(statement);
        sqlx::raw_sql(statement).execute(&mut administrator).await.expect("a database that accepts writes");
    }
    laptop.beat().await;
}

#[tokio::test]
async fn a_password_that_the_database_refuses_is_not_logged() {
    let database = Database::create().await;
    let url = database.url().replace("heartbeat@", "unknown:hush@");
    let mut server =
        ServerBuilder::on(&database).environment("HEARTBEAT_DATABASE_DSN", &url).start_listening().await;
    let line = server.wait_for("refuses this user or password").await;
    assert!(line.contains("SQLSTATE 28000") && !line.contains("hush"), "{line}");
}
