//! `GET /.well-known/health`

use heartbeat_tests::{Database, Server, ServerBuilder};

#[tokio::test]
async fn it_is_ok_while_the_database_answers() {
    let (server, _database) = Server::fresh().await;
    let response = server.stranger().get("/.well-known/health").await;
    assert_eq!((response.status, response.body.as_str()), (200, "OK"));
}

#[tokio::test]
async fn it_is_unavailable_while_there_is_no_database() {
    let nowhere = Database::reserve();
    let server = ServerBuilder::on(&nowhere).start_listening().await;
    let response = server.stranger().get("/.well-known/health").await;
    assert_eq!((response.status, response.header("retry-after")), (503, "5"));
}

#[tokio::test]
async fn the_health_command_checks_a_server_on_any_bind() {
    let (server, database) = Server::fresh().await;
    let check = |bind: String| ServerBuilder::bare().environment("HEARTBEAT_BIND", &bind).argument("health");
    for host in ["127.0.0.1", "localhost", "0.0.0.0"] {
        assert_eq!(check(format!("{host}:{}", server.port())).run().await, (0, String::new()), "{host}");
    }

    let builder = ServerBuilder::on(&database);
    let socket = format!("unix:{}", builder.home().join("socket").display());
    let _other = builder.environment("HEARTBEAT_BIND", &socket).start().await;
    assert_eq!(check(socket).run().await, (0, String::new()));
}

#[tokio::test]
async fn the_health_command_says_in_one_line_why_a_server_is_unhealthy() {
    let nowhere = Database::reserve();
    let mut server = ServerBuilder::on(&nowhere).start_listening().await;
    let check = ServerBuilder::bare()
        .environment("HEARTBEAT_BIND", &format!("127.0.0.1:{}", server.port()))
        .argument("health");
    let expected =
        "heartbeat: health: the server at bind answers \"503 Service Unavailable\"; its log says why\n";
    assert_eq!(check.run().await, (1, expected.to_owned()));

    assert!(server.stop().await.success());
    let (code, output) = check.run().await;
    assert_eq!(code, 1);
    assert!(output.starts_with("heartbeat: health: no server answers at bind: "), "{output}");
    assert_eq!(output.lines().count(), 1, "{output}");
}
