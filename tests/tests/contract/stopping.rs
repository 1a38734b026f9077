//! Graceful shutdown.

use heartbeat_tests::{Server, eventually};
use rustix::process::Signal;

#[tokio::test]
async fn requests_in_flight_are_finished_on_both_signals() {
    for signal in [Signal::TERM, Signal::INT] {
        let (mut server, database) = Server::fresh().await;
        let laptop = server.device("Laptop").await;
        let mut holder = database.connect().await;
        sqlx::raw_sql("BEGIN; SELECT FROM heartbeat.devices FOR UPDATE")
            .execute(&mut holder)
            .await
            .expect("a lock");
        let beat = tokio::spawn(async move { laptop.post("/api/beat", "").await.status });
        let waiting = "SELECT count(*) FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        eventually("a beat that waits for the lock", async || database.number(waiting).await == 1).await;
        server.signal(signal);
        server.wait_for("stopping").await;
        sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.expect("a released lock");

        assert_eq!(beat.await.expect("a response"), 200);
        assert!(server.ended().await.success());
        assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, 1);
    }
}

#[tokio::test]
async fn visits_that_only_memory_holds_are_stored() {
    let (mut server, database) = Server::fresh().await;
    for _ in 0..3 {
        assert_eq!(server.stranger().get("/").await.status, 200);
    }
    assert!(server.stop().await.success());
    assert_eq!(database.number("SELECT total_visits FROM heartbeat.stats").await, 3);
}

#[tokio::test]
async fn visits_are_stored_while_it_runs_too() {
    let (server, database) = Server::fresh().await;
    server.stranger().get("/").await;
    let visits = "SELECT total_visits FROM heartbeat.stats";
    eventually("a visit in the database", async || database.number(visits).await == 1).await;
    assert_eq!(server.stranger().stats().await["num_visits"], 1);
}

#[tokio::test]
async fn idle_connections_do_not_delay_the_shutdown() {
    let (mut server, _database) = Server::fresh().await;
    let _idle = tokio::net::TcpStream::connect(("127.0.0.1", server.port())).await.expect("a connection");
    let client = server.stranger();
    client.stats().await;
    let started = std::time::Instant::now();
    assert!(server.stop().await.success());
    // Far below the ten seconds after which service managers kill.
    assert!(started.elapsed() < std::time::Duration::from_secs(8));
}
