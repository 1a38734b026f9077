//! Logs: no secrets, valid filters, bounded volume.

use heartbeat_tests::{Database, Function, ServerBuilder};
use reqwest::Method;

#[tokio::test]
async fn no_log_line_contains_a_token_a_key_or_an_ip_address() {
    let database = Database::create().await;
    let password = "pass4database";
    let url = database.url().replace("heartbeat@", &format!("heartbeat:{password}@"));
    let url = format!("{url}{}unknown=v4lue", if url.contains('?') { '&' } else { '?' });
    let mut server = ServerBuilder::on(&database)
        .environment("HEARTBEAT_DATABASE_DSN", &url)
        .environment("RUST_LOG", "trace,hyper::proto=trace,sqlx::query=trace")
        .start()
        .await;
    let (_, token) = server.owner().register("Laptop").await;
    server.stranger().authorized(&token).beat().await;
    server.stranger().authorized("hbt_wrong").post("/api/beat", "").await;
    server.owner().post("/api/devices/0/token/generate", "").await;
    server.stranger().get("/elsewhere?token=hbt_inquery").await;
    assert!(server.stop().await.success());

    let log = server.log();
    assert!(log.contains("route=\"/api/beat\" status=401"), "{log}");
    assert!(log.contains("database.dsn has a parameter that is not known"), "{log}");
    for secret in [&token, "the owner's key", password, "v4lue", "hbt_", "127.0.0.1", "[::1]"] {
        assert!(!log.contains(secret), "{secret} is in\n{log}");
    }
}

#[tokio::test]
async fn no_log_line_of_a_function_contains_a_token_a_key_or_an_ip_address() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).start().await;
    let (_, token) = server.owner().register("Laptop").await;
    let environment = [("RUST_LOG", "trace,lambda_runtime=trace,lambda_http=trace")];
    let beat = Function::start("beat", &database, &environment).await;
    assert_eq!(beat.request(&Method::POST, "/api/beat", Some(&token), b"").await.status, 200);
    assert_eq!(beat.request(&Method::POST, "/api/beat", Some("hbt_wrong"), b"").await.status, 401);
    let owner_function = Function::start("owner", &database, &environment).await;
    let body = br#"{"name": "Phone"}"#;
    assert_eq!(
        owner_function.request(&Method::POST, "/api/devices", Some("the owner's key"), body).await.status,
        200
    );
    let editor = Function::start("wakatime_heartbeats", &database, &environment).await;
    let path = "/api/v1/users/current/heartbeats";
    let body = br#"{"entity": "/home/ada/plan.py", "time": 7}"#;
    assert_eq!(editor.request(&Method::POST, path, Some(&token), body).await.status, 201);
    for log in [beat.log(), owner_function.log(), editor.log()] {
        // The line of the request itself is there.
        assert!(log.contains("microseconds"), "{log}");
        for secret in [&token, "the owner's key", "hbt_", "203.0.113.7", "plan.py"] {
            assert!(!log.contains(secret), "{secret} is in\n{log}");
        }
    }
}

#[tokio::test]
async fn an_invalid_filter_is_an_error() {
    let database = Database::create().await;
    let (code, output) = ServerBuilder::on(&database).environment("RUST_LOG", "heartbeat=loud").run().await;
    assert_eq!((code, output.lines().count()), (2, 1), "{output}");
    assert!(output.contains("RUST_LOG (environment variable)"), "{output}");
}

#[tokio::test]
async fn failed_requests_do_not_flood_the_log() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).environment("RUST_LOG", "info").start().await;
    let (stranger, before) = (server.stranger(), server.log().lines().count());
    for _ in 0..30 {
        stranger.authorized("hbt_wrong").post("/api/beat", "").await;
        stranger.get("/elsewhere").await;
    }
    database.execute("ALTER TABLE heartbeat.devices RENAME TO others").await;
    database.end_connections().await;
    for _ in 0..30 {
        assert!(stranger.authorized("hbt_wrong").post("/api/beat", "").await.status >= 429);
    }
    let lines = server.log().lines().count() - before;
    assert!(lines < 10, "{}", server.log());
}
