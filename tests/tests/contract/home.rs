//! `GET /`

use heartbeat_tests::{Database, Server, ServerBuilder};
use reqwest::Method;

#[tokio::test]
async fn views_of_the_page_are_counted_and_nothing_else_is() {
    let (server, _database) = Server::fresh().await;
    let stranger = server.stranger();
    for path in ["/", "/", "/api/stats", "/.well-known/health", "/nothing", "/"] {
        stranger.get(path).await;
    }
    // A HEAD request is not a visit.
    assert_eq!(stranger.send(Method::HEAD, "/", Vec::new()).await.status, 200);
    assert_eq!(stranger.stats().await["num_visits"], 3);
}

#[tokio::test]
async fn the_page_has_the_url_of_the_stream() {
    let database = Database::create().await;
    let here = ServerBuilder::on(&database).start().await;
    assert!(here.stranger().get("/").await.body.contains("data-stream=\"/api/stats/ws\""));
    let url = "wss://stream.example.org/live";
    let elsewhere = ServerBuilder::on(&database).environment("HEARTBEAT_WS_URL", url).start().await;
    assert!(elsewhere.stranger().get("/").await.body.contains(&format!("data-stream=\"{url}\"")));
}

#[tokio::test]
async fn a_beat_is_on_the_page_at_once() {
    let (server, _database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    // Also with many beats and visits within one second.
    for beats in 1..=5 {
        laptop.beat().await;
        for _ in 0..2 {
            let page = server.stranger().get("/").await.body;
            assert!(page.contains(&format!("data-number=\"total_beats\">{beats}<")), "{beats}: {page}");
        }
    }
}

#[tokio::test]
async fn without_a_secret_key_the_page_and_the_404_say_how_to_make_one() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).environment("HEARTBEAT_SECRET_KEY", "").start().await;
    let page = server.stranger().get("/").await.body;
    for text in ["This server has no secret key yet", "heartbeat gen-key", "docker compose run"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!page.contains("/api/devices"), "{page}");
    for path in ["/api/devices", "/api/devices/0/token/generate"] {
        let refusal = server.owner().post(path, r#"{"name": "Laptop"}"#).await;
        let detail = refusal.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert_eq!(refusal.status, 404, "{refusal}");
        assert!(
            detail.starts_with("This server has no secret key yet. Run \"heartbeat gen-key\""),
            "{detail}"
        );
    }
}

#[tokio::test]
async fn json_ends_with_a_newline_and_a_beat_is_bare_digits() {
    let (server, _database) = Server::fresh().await;
    let stranger = server.stranger();
    let registered = server.owner().post("/api/devices", r#"{"name": "Laptop"}"#).await;
    let laptop = stranger.authorized(registered.json()["token"].as_str().expect("a token"));
    let beat = laptop.post("/api/beat", "").await.body;
    assert!(beat.chars().all(|c| c.is_ascii_digit()), "{beat:?}");
    let refused = stranger.post("/api/beat", "").await;
    assert_eq!(refused.status, 401);
    let mut answers =
        vec![registered, refused, server.owner().post("/api/devices/0/token/generate", "").await];
    for path in [
        "/api/stats",
        "/api/openapi.json",
        "/api/nothing",
        "/badge/last-seen.json",
        "/badge/total-beats.json?device=7",
    ] {
        answers.push(stranger.get(path).await);
    }
    for answer in answers {
        assert!(answer.body.ends_with("}\n") && !answer.body.ends_with("\n\n"), "{answer}");
    }
    let (frame, _) = server.viewer().await.frame().await.expect("a frame");
    assert!(frame.ends_with('}'), "{frame:?}");
}

#[tokio::test]
async fn the_log_says_at_which_url_the_page_is() {
    let (server, _database) = Server::fresh().await;
    let url = format!("listening url=http://localhost:{port} port={port}", port = server.port());
    assert!(server.log().contains(&url), "{}", server.log());
    // Tests and scripts of this repository read the port at the end of the line.
    assert_eq!(server.stranger().get("/").await.status, 200);
}
