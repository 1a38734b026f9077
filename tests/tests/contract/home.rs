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
    // To ask for the headers alone is not to look at the page.
    assert_eq!(stranger.send(Method::HEAD, "/", Vec::new()).await.status, 200);
    assert_eq!(stranger.stats().await["num_visits"], 3);
}

#[tokio::test]
async fn the_page_knows_where_the_stream_is() {
    let database = Database::create().await;
    let here = ServerBuilder::on(&database).start().await;
    assert!(here.stranger().get("/").await.body.contains("data-stream=\"/api/stats/ws\""));
    let address = "wss://stream.example.org/live";
    let elsewhere = ServerBuilder::on(&database).environment("HEARTBEAT_WS_URL", address).start().await;
    assert!(elsewhere.stranger().get("/").await.body.contains(&format!("data-stream=\"{address}\"")));
}

#[tokio::test]
async fn a_beat_is_on_the_page_at_once() {
    let (server, _database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    // However many beats and views fall into one second.
    for beats in 1..=5 {
        laptop.beat().await;
        for _ in 0..2 {
            let page = server.stranger().get("/").await.body;
            assert!(page.contains(&format!("data-number=\"total_beats\">{beats}<")), "{beats}: {page}");
        }
    }
}
