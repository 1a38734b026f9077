//! Brute force: the rate limit of failed authentication.

use std::{collections::BTreeMap, os::unix::net::UnixStream};

use heartbeat_functions::routes::{Audience, ROUTES};
use heartbeat_tests::{Client, Database, Server, ServerBuilder, client::http, server::SECRET_KEY};
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
async fn guesses_at_the_key_are_refused_even_when_they_are_right_until_the_rate_limit_allows_one() {
    let (server, _database) = Server::fresh().await;
    let guesses = fail(&server.stranger(), "/api/devices", 25).await;
    assert!(guesses[&401] >= 20 && guesses.contains_key(&429), "{guesses:?}");
    // The same client: a wrong guess and the right one get the same answer, and no device is made.
    let right = server.owner().post("/api/devices", r#"{"name": "Laptop"}"#).await;
    assert_eq!(right.status, 429, "{right}");
    let seconds = right.header("retry-after").parse().expect("seconds");
    assert!((1..=5).contains(&seconds), "{right}");
    assert_eq!(server.stranger().stats().await["devices"], serde_json::json!([]));
    // The header tells the truth: as long as that later one attempt is allowed.
    tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
    assert_eq!(server.owner().post("/api/devices", r#"{"name": "Laptop"}"#).await.status, 200);
}

#[tokio::test]
async fn requests_without_credentials_lock_nobody_out() {
    let (server, _database) = Server::fresh().await;
    // What a web page can make its visitor's browser send.
    for _ in 0..30 {
        assert_eq!(server.stranger().post("/api/beat", "").await.status, 401);
        assert_eq!(server.stranger().post("/api/devices", "").await.status, 401);
    }
    server.owner().register("Laptop").await;
}

#[tokio::test]
async fn failed_attempts_are_rate_limited_and_beats_never_are() {
    let (server, database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    let stranger = server.stranger();
    let responses = fail(&stranger, "/api/beat", 40).await;
    assert!(responses[&401] >= 20 && responses[&429] >= 10, "{responses:?}");
    // All come from one client IP, and yet the device's token still works.
    laptop.beat().await;
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

#[tokio::test]
async fn no_route_of_the_owner_takes_guesses_at_the_key_without_counting_them() {
    let database = Database::create().await;
    let server =
        ServerBuilder::on(&database).environment("HEARTBEAT_TRUSTED_PROXIES", "127.0.0.1").start().await;
    let mut clients = (1..).map(|number| format!("192.0.2.{number}"));
    for route in
        ROUTES.iter().filter(|route| [Audience::Owner, Audience::Monitoring].contains(&route.audience))
    {
        for (path, method) in
            route.paths.iter().flat_map(|path| route.methods.iter().map(move |it| (path, it)))
        {
            let ip = clients.next().expect("endless");
            let path = path.replace("{id}", "0");
            let mut wrong = BTreeMap::new();
            let client = with_header(&server, "x-forwarded-for", &ip);
            for number in 0..25 {
                let guess = client.authorized(&format!("guess {number}"));
                let answer = guess.send(method.clone(), &path, Vec::new()).await;
                *wrong.entry(answer.status).or_insert(0) += 1;
            }
            if wrong == BTreeMap::from([(405, 25)]) {
                continue;
            }
            // As many as are allowed were refused as wrong, and the right one is not told from those after them.
            assert!(
                wrong.get(&401) >= Some(&20) && wrong.contains_key(&429) && wrong.len() == 2,
                "{method} {path}: {wrong:?}"
            );
            let right = client.authorized(SECRET_KEY).send(method.clone(), &path, Vec::new()).await;
            assert_eq!(right.status, 429, "{method} {path}");
        }
    }
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
    // IP addresses before the last one may be forged, and so may other headers.
    for header in [("x-forwarded-for", "198.51.100.1, 192.0.2.1"), ("forwarded", "for=198.51.100.1")] {
        let named = [("x-forwarded-for", "192.0.2.1"), header];
        let named = named
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a header")));
        let base = format!("http://127.0.0.1:{}", server.port());
        let forger = Client::with(&base, http().default_headers(named.collect()));
        assert!(fail(&forger, "/api/beat", 5).await.contains_key(&429), "{header:?}");
    }
    let other = with_header(&server, "x-forwarded-for", "192.0.2.2");
    assert_eq!(fail(&other, "/api/beat", 5).await, BTreeMap::from([(401, 5)]));
}

#[tokio::test]
async fn the_configuration_says_which_header_the_proxy_writes() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database)
        .environment("HEARTBEAT_TRUSTED_PROXIES", "127.0.0.1")
        .environment("HEARTBEAT_CLIENT_IP_HEADER", "Forwarded")
        .start()
        .await;
    let attacker = with_header(&server, "forwarded", "for=203.0.113.7, for=\"192.0.2.1:4711\"");
    assert!(fail(&attacker, "/api/beat", 30).await.contains_key(&429));
    let other = with_header(&server, "forwarded", "for=192.0.2.2");
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
    // No header names the client IP of these attempts, so all such clients share one bucket.
    assert!(fail(&stranger, "/api/beat", 30).await.contains_key(&429));
    let headers = HeaderMap::from_iter([(
        HeaderName::from_static("x-forwarded-for"),
        "192.0.2.1".parse().expect("a header"),
    )]);
    let named = Client::with("http://socket", http().unix_socket(path.as_path()).default_headers(headers));
    assert_eq!(fail(&named, "/api/beat", 5).await, BTreeMap::from([(401, 5)]));
    assert!(fail(&named, "/api/beat", 30).await.contains_key(&429));
}
