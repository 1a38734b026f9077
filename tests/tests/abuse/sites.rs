//! Other sites, and names that would like to be more than text.

use heartbeat_tests::Server;
use reqwest::Method;

const ORIGIN: &str = "access-control-allow-origin";

#[tokio::test]
async fn scripts_of_other_sites_may_read_what_is_public_and_nothing_that_takes_a_secret() {
    let (server, _database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    let stranger = server.stranger();
    for path in ["/api/stats", "/badge/last-seen", "/badge/total-beats.json", "/.well-known/health"] {
        assert_eq!(stranger.get(path).await.header(ORIGIN), "*", "{path}");
    }
    assert_eq!(stranger.get("/badge/last-seen?style=none").await.header(ORIGIN), "*");
    for (client, path) in [
        (&laptop, "/api/beat"),
        (&stranger, "/api/beat"),
        (&server.owner(), "/api/devices"),
        (&server.owner(), "/api/devices/0/token/generate"),
    ] {
        let answer = client.post(path, r#"{"name": "Phone"}"#).await;
        assert_eq!(answer.header(ORIGIN), "", "{path}: {answer}");
        // A browser asks this first, and goes no further without a yes.
        let answer = client.send(Method::OPTIONS, path, Vec::new()).await;
        assert_eq!((answer.status, answer.header(ORIGIN)), (405, ""), "{path}");
        assert_eq!(client.get(path).await.header(ORIGIN), "", "{path}");
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
    for path in
        ["/", "/badges", &format!("/badge/last-seen?device={id}"), "/badge/last-seen?label=%3Cscript%3E"]
    {
        let body = stranger.get(path).await.body;
        for piece in ["<script>alert", "<script>\"", "' onload", "\" onload"] {
            assert!(!body.contains(piece), "{path} holds {piece}: {body}");
        }
        assert!(body.contains("script"), "{path}: {body}");
    }
    // A drawing has no elements around the parts of its text that would keep their direction to themselves.
    let badge = stranger.get(&format!("/badge/last-seen?device={id}")).await.body;
    assert!(!badge.contains(['\u{202e}', '\u{200f}']), "{badge}");
    let page = stranger.get("/").await.body;
    assert!(page.contains("<bdi>&#60;script&#62;"), "{page}");
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let (server, _database) = Server::fresh().await;
    let long = "a".repeat(70_000);
    let head = format!("GET /badge/last-seen?label={long} HTTP/1.1\r\nhost: h\r\n\r\n");
    let answer = super::connections::exchange(server.port(), head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431") || answer.starts_with("HTTP/1.1 414"), "{answer}");
    for headers in [format!("x: {long}\r\n"), "x: a\r\n".repeat(200)] {
        let head = format!("GET / HTTP/1.1\r\nhost: h\r\n{headers}\r\n");
        let answer = super::connections::exchange(server.port(), head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
    let body = format!("{{\"name\": \"{long}\"}}");
    assert_eq!(server.owner().post("/api/devices", body).await.status, 413);
}
