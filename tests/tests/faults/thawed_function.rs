//! Function frozen by Lambda for longer than the database keeps an idle connection.

use heartbeat_tests::{CountingProxy, Function, Server, eventually};
use reqwest::Method;

#[tokio::test]
async fn a_function_thawed_after_the_database_ended_its_idle_connection_answers_at_once() {
    let (server, database) = Server::fresh().await;
    let (_, token) = server.owner().register("Laptop").await;
    drop(server);
    let setting = format!("ALTER DATABASE {} SET idle_session_timeout = '200ms'", database.name());
    database.execute(&setting).await;
    let counting_proxy = CountingProxy::start().await;
    let connected = "SELECT count(*) FROM pg_stat_activity
                     WHERE datname = current_database() AND application_name = 'heartbeat'";
    // Over a Unix socket, and over TCP, where a closed connection is noticed later.
    for url in [database.url(), counting_proxy.url(&database)] {
        for (name, method, path) in [
            ("beat", Method::POST, "/api/beat"),
            ("stats", Method::GET, "/api/stats"),
            ("home", Method::GET, "/"),
        ] {
            let function = Function::start(name, &database, &[("HEARTBEAT_DATABASE_DSN", &url)]).await;
            for _ in 0..3 {
                let response = function.request(&method, path, Some(&token), b"").await;
                assert_eq!(response.status, 200, "{name}: {response}");
                function.freeze();
                eventually("no connection", async || database.number(connected).await == 0).await;
                function.thaw();
            }
            assert!(!function.log().contains("ERROR"), "{}", function.log());
        }
    }
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, 6);
    assert_eq!(database.number("SELECT num_beats FROM heartbeat.devices").await, 6);
    assert_eq!(database.number("SELECT total_visits FROM heartbeat.stats").await, 6);
}
