//! Cross-origin requests, injection through names, and oversized requests.

use heartbeat_tests::Server;
use reqwest::Method;

const ALLOW_ORIGIN: &str = "access-control-allow-origin";

#[tokio::test]
async fn scripts_of_other_origins_may_read_public_routes_and_none_that_takes_a_secret() {
    let (server, _database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    let stranger = server.stranger();
    for path in ["/api/stats", "/badge/last-seen", "/badge/total-beats.json", "/.well-known/health"] {
        assert_eq!(stranger.get(path).await.header(ALLOW_ORIGIN), "*", "{path}");
    }
    assert_eq!(stranger.get("/badge/last-seen?style=none").await.header(ALLOW_ORIGIN), "*");
    for (client, path) in [
        (&laptop, "/api/beat"),
        (&stranger, "/api/beat"),
        (&server.owner(), "/api/devices"),
        (&server.owner(), "/api/devices/0/token/generate"),
    ] {
        let response = client.post(path, r#"{"name": "Phone"}"#).await;
        assert_eq!(response.header(ALLOW_ORIGIN), "", "{path}: {response}");
        // A preflight request without permission stops a browser.
        let response = client.send(Method::OPTIONS, path, Vec::new()).await;
        assert_eq!((response.status, response.header(ALLOW_ORIGIN)), (405, ""), "{path}");
        assert_eq!(client.get(path).await.header(ALLOW_ORIGIN), "", "{path}");
    }
}

#[tokio::test]
async fn names_stay_text_wherever_they_are_shown() {
    let (server, _database) = Server::fresh().await;
    let name = "<script>alert(1)</script>\" onload='x' & \u{202e}gnp.exe\u{200f}";
    let (id, token) = server.owner().register(name).await;
    let stranger = server.stranger();
    stranger.authorized(&token).beat().await;
    assert_eq!(stranger.stats().await["devices"][0]["name"], name);
    for path in [
        "/",
        "/badges",
        &format!("/badge/last-seen?device={id}"),
        "/badge/last-seen?label=%3Cscript%3E",
        &format!("/heatmap.svg?device={id}"),
        &format!("/card.svg?device={id}"),
        "/card.svg?label=%3Cscript%3E",
    ] {
        let body = stranger.get(path).await.body;
        for fragment in ["<script>alert", "<script>\"", "' onload", "\" onload"] {
            assert!(!body.contains(fragment), "{path} holds {fragment}: {body}");
        }
        assert!(body.contains("script"), "{path}: {body}");
    }
    // SVG text has no counterpart of <bdi>, so control characters for the direction are removed.
    let badge = stranger.get(&format!("/badge/last-seen?device={id}")).await.body;
    assert!(!badge.contains(['\u{202e}', '\u{200f}']), "{badge}");
    let page = stranger.get("/").await.body;
    assert!(page.contains("<bdi>&#60;script&#62;"), "{page}");
}

#[tokio::test]
async fn oversized_requests_are_rejected() {
    let (server, _database) = Server::fresh().await;
    let long = "a".repeat(70_000);
    let head = format!("GET /badge/last-seen?label={long} HTTP/1.1\r\nhost: h\r\n\r\n");
    let response = super::connections::exchange(server.port(), head.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 431") || response.starts_with("HTTP/1.1 414"), "{response}");
    for headers in [format!("x: {long}\r\n"), "x: a\r\n".repeat(200)] {
        let head = format!("GET / HTTP/1.1\r\nhost: h\r\n{headers}\r\n");
        let response = super::connections::exchange(server.port(), head.as_bytes()).await;
        assert!(response.starts_with("HTTP/1.1 431"), "{response}");
    }
    let head =
        format!("GET /badges?label={} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n", "'".repeat(5_000));
    let response = super::connections::exchange(server.port(), head.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 414"), "{response}");
    let body = format!("{{\"name\": \"{long}\"}}");
    assert_eq!(server.owner().post("/api/devices", body).await.status, 413);
}
