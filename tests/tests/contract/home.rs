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
