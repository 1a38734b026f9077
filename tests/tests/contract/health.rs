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

#[tokio::test]
async fn the_program_itself_can_ask_a_server_wherever_it_listens() {
    let (server, database) = Server::fresh().await;
    let asks = |bind: String| ServerBuilder::bare().environment("HEARTBEAT_BIND", &bind).argument("health");
    for host in ["127.0.0.1", "localhost", "0.0.0.0"] {
        assert_eq!(asks(format!("{host}:{}", server.port())).run().await, (0, String::new()), "{host}");
    }

    let builder = ServerBuilder::on(&database);
    let socket = format!("unix:{}", builder.home().join("socket").display());
    let _other = builder.environment("HEARTBEAT_BIND", &socket).start().await;
    assert_eq!(asks(socket).run().await, (0, String::new()));
}

#[tokio::test]
async fn it_says_in_one_line_why_a_server_is_not_well() {
    let nowhere = Database::reserve();
    let mut server = ServerBuilder::on(&nowhere).start_listening().await;
    let asks = ServerBuilder::bare()
        .environment("HEARTBEAT_BIND", &format!("127.0.0.1:{}", server.port()))
        .argument("health");
    let unwell = "heartbeat: health: the server at bind answers \"HTTP/1.0 503 Service Unavailable\"; its log says why\n";
    assert_eq!(asks.run().await, (1, unwell.to_owned()));

    assert!(server.stop().await.success());
    let (code, said) = asks.run().await;
    assert_eq!(code, 1);
    assert!(said.starts_with("heartbeat: health: no server answers at bind: "), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}
