//! `GET /.well-known/health`

use heartbeat_tests::{Database, Server, ServerBuilder};

#[tokio::test]
async fn it_is_ok_while_the_database_answers() {
    let (server, _database) = Server::fresh().await;
    let answer = server.stranger().get("/.well-known/health").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "OK"));
}

#[tokio::test]
async fn it_is_unavailable_while_there_is_no_database() {
    let nowhere = Database::reserve();
    let server = ServerBuilder::on(&nowhere).start_listening().await;
    let answer = server.stranger().get("/.well-known/health").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));
}
