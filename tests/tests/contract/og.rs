//! `GET /og.png`

use heartbeat_tests::{Database, Server, ServerBuilder};

#[tokio::test]
async fn the_open_graph_image_changes_with_a_beat() {
    let (server, _database) = Server::fresh().await;
    let before = server.stranger().get("/og.png").await;
    assert_eq!((before.status, before.header("content-type")), (200, "image/png"));
    assert_eq!(before.bytes[16..24], [0, 0, 4, 176, 0, 0, 2, 118], "1200 by 630");
    server.device("Laptop").await.beat().await;
    let after = server.stranger().get("/og.png").await;
    assert_ne!(before.header("etag"), after.header("etag"));
    assert_ne!(before.bytes, after.bytes);
}

#[tokio::test]
async fn without_a_database_it_answers_503() {
    let nowhere = Database::reserve();
    let server = ServerBuilder::on(&nowhere).start_listening().await;
    assert_eq!(server.stranger().get("/og.png").await.status, 503);
}
