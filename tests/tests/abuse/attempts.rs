//! Brute force: the rate limit of failed authentication.

use std::{collections::BTreeMap, os::unix::net::UnixStream};

use heartbeat_tests::{Client, Database, Server, ServerBuilder, client::http};
use reqwest::header::{HeaderMap, HeaderName};

/// Sends requests with an invalid token; returns the number of responses by status.
async fn fail(client: &Client, path: &str, times: usize) -> BTreeMap<u16, usize> {
    let mut responses = BTreeMap::new();
    for _ in 0..times {
        let response = client.authorized("hbt_wrong").post(path, r#"{"name": "Laptop"}"#).await;
        *responses.entry(response.status).or_default() += 1;
        let header = if response.status == 401 { "www-authenticate" } else { "retry-after" };
        assert!(!response.header(header).is_empty(), "{response}");
    }
    responses
}

#[tokio::test]
async fn failed_attempts_are_rate_limited_and_valid_requests_never_are() {
    let (server, database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    let stranger = server.stranger();
    let responses = fail(&stranger, "/api/beat", 40).await;
    assert!(responses[&401] >= 20 && responses[&429] >= 10, "{responses:?}");
    // All come from one client IP, and yet the secret key and the device's token still work.
    assert!(fail(&stranger, "/api/devices", 5).await.contains_key(&429));
    laptop.beat().await;
    server.owner().register("Phone").await;
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, 1);
    assert_eq!(stranger.get("/api/stats").await.status, 200);
    insta::assert_snapshot!(
        without_seconds(&stranger.authorized("hbt_wrong").post("/api/beat", "").await.to_string()),
        @r#"
    429
    content-type: application/problem+json
    retry-after: …

    {"type":"about:blank","title":"Too Many Requests","status":429,"detail":"Too many requests from this address had a token or key that is not valid here."}
    "#
    );
}

fn without_seconds(response: &str) -> String {
    let line = |line: &str| match line.split_once("retry-after: ") {
        Some((_, seconds)) if (1..=5).contains(&seconds.parse().unwrap_or(0)) => "retry-after: …".to_owned(),
        _ => line.to_owned(),
    };
    response.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Returns a client whose requests carry a header.
fn with_header(server: &Server, name: &'static str, value: &str) -> Client {
    let headers = HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().expect("a header"))]);
    Client::with(&format!("http://127.0.0.1:{}", server.port()), http().default_headers(headers))
}

#[tokio::test]
async fn a_forged_client_ip_does_not_evade_the_rate_limit() {
    let (server, _database) = Server::fresh().await;
    assert!(fail(&server.stranger(), "/api/beat", 30).await.contains_key(&429));
    for name in ["x-forwarded-for", "forwarded"] {
        let stranger = with_header(&server, name, "for=192.0.2.1, 192.0.2.1");
        assert!(fail(&stranger, "/api/beat", 5).await.contains_key(&429), "{name}");
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_ip_has_a_rate_limit_of_its_own() {
    let database = Database::create().await;
    let server =
        ServerBuilder::on(&database).environment("HEARTBEAT_TRUSTED_PROXIES", "127.0.0.1").start().await;
    let attacker = with_header(&server, "x-forwarded-for", "203.0.113.7, 192.0.2.1");
    assert!(fail(&attacker, "/api/beat", 30).await.contains_key(&429));
    // IP addresses before the last one may be forged.
    let forger = with_header(&server, "forwarded", "for=198.51.100.1, for=\"192.0.2.1:4711\"");
    assert!(fail(&forger, "/api/beat", 5).await.contains_key(&429));
    let other = with_header(&server, "x-forwarded-for", "192.0.2.2");
    assert_eq!(fail(&other, "/api/beat", 5).await, BTreeMap::from([(401, 5)]));
}

#[tokio::test]
async fn connections_through_the_unix_socket_are_trusted_as_a_proxy() {
    let database = Database::create().await;
    let builder = ServerBuilder::on(&database);
    let path = builder.home().join("heartbeat.sock");
    let bind = format!("unix:{}", path.display());
    let _server = builder.environment("HEARTBEAT_BIND", &bind).start().await;
    assert!(UnixStream::connect(&path).is_ok());
    let stranger = Client::with("http://socket", http().unix_socket(path.as_path()));
    // No header names the client IP of these attempts.
    assert_eq!(fail(&stranger, "/api/beat", 30).await, BTreeMap::from([(401, 30)]));
    let headers = HeaderMap::from_iter([(
        HeaderName::from_static("x-forwarded-for"),
        "192.0.2.1".parse().expect("a header"),
    )]);
    let named = Client::with("http://socket", http().unix_socket(path.as_path()).default_headers(headers));
    assert!(fail(&named, "/api/beat", 30).await.contains_key(&429));
}
