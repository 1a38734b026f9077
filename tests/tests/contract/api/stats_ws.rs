//! `GET /api/stats/ws`

use std::time::Duration;

use heartbeat_tests::{Client, Database, Server, ServerBuilder, Viewer, client::http, eventually};
use insta::assert_snapshot;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

#[tokio::test]
async fn a_frame_comes_at_once_and_then_one_a_second_with_what_stats_answers() {
    let (server, _database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    let mut viewer = server.viewer().await;
    let (first, started) = viewer.frame().await.expect("a frame");
    assert!(first.contains("\"total_beats\":0"), "{first}");
    let mut members: Vec<String> = Vec::new();
    for beats in 1..=3 {
        laptop.beat().await;
        let stats = viewer.stats().await;
        assert_eq!(
            (&stats["total_beats"], &stats["devices"][0]["num_beats"]),
            (&beats.into(), &beats.into())
        );
        members = stats.as_object().expect("an object").keys().cloned().collect();
    }
    // The machine may delay the test, but not by this much.
    let span = started.elapsed();
    assert!(span > Duration::from_millis(1500) && span < Duration::from_millis(4500), "{span:?}");
    let answered = server.stranger().stats().await;
    assert_eq!(members, answered.as_object().expect("an object").keys().cloned().collect::<Vec<_>>());
}

#[tokio::test]
async fn without_an_upgrade_it_answers_426() {
    let (server, _database) = Server::fresh().await;
    let response = server.stranger().get("/api/stats/ws").await;
    assert_eq!(response.header("upgrade"), "websocket");
    assert_snapshot!(response, @r#"
    426
    content-type: application/problem+json

    {"type":"about:blank","title":"Upgrade Required","status":426,"detail":"This address is for WebSockets (RFC 6455, version 13, over HTTP/1.1)."}
    "#);
    assert_eq!(server.stranger().post("/api/stats/ws", "").await.status, 405);
}

/// Sends an upgrade request over plain TCP; returns the connection and the first bytes of the response.
async fn send_upgrade(server: &Server) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).await.expect("a connection");
    let request = "GET /api/stats/ws HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                   sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut response = vec![0; 64];
    let length = stream.read(&mut response).await.expect("a response");
    (stream, String::from_utf8_lossy(&response[..length]).into_owned())
}

#[tokio::test]
async fn while_the_database_is_away_upgrades_are_answered_with_503() {
    let server = ServerBuilder::on(&Database::reserve()).start_listening().await;
    let (_, response) = send_upgrade(&server).await;
    assert!(response.starts_with("HTTP/1.1 503 "), "{response}");
}

#[tokio::test]
async fn viewers_that_answer_no_ping_are_dropped_within_thirty_seconds() {
    let (server, _database) = Server::fresh().await;
    let (mut stream, response) = send_upgrade(&server).await;
    assert!(response.starts_with("HTTP/1.1 101 "), "{response}");
    // Reads all frames, but never answers a ping.
    let mut frames = Vec::new();
    let closed = timeout(Duration::from_secs(30), stream.read_to_end(&mut frames)).await;
    assert!(closed.is_ok(), "still open after {} bytes", frames.len());
    // Other viewers are not affected.
    server.viewer().await.stats().await;
}

#[tokio::test]
async fn viewers_get_a_close_frame_when_the_server_stops() {
    let (mut server, _database) = Server::fresh().await;
    let mut viewers = [server.viewer().await, server.viewer_of_changes().await];
    for viewer in &mut viewers {
        viewer.stats().await;
    }
    assert!(server.stop().await.success());
    for viewer in &mut viewers {
        while viewer.frame().await.is_some() {}
    }
    assert!(!server.log().contains("cut off"), "{}", server.log());
}

#[tokio::test]
async fn a_viewer_that_leaves_frees_its_connection() {
    let (server, _database) = Server::fresh().await;
    let open = || std::fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("its files").count();
    let mut viewers = Vec::new();
    for _ in 0..50 {
        viewers.push(server.viewer().await);
    }
    for viewer in &mut viewers {
        viewer.stats().await;
        viewer.send("hello").await;
    }
    let watched = open();
    drop(viewers);
    eventually("closed sockets", async || open() + 50 <= watched).await;
}

/// Starts a server with management calls; returns a client for those as well.
async fn with_management() -> (Server, Client, Database) {
    let database = Database::create().await;
    let builder = ServerBuilder::on(&database);
    let socket = builder.home().join("management.sock");
    let bind = format!("unix:{}", socket.display());
    let server = builder.environment("HEARTBEAT_MANAGEMENT_BIND", &bind).start().await;
    let manager = Client::with("http://management", http().unix_socket(socket));
    (server, manager, database)
}

#[tokio::test]
async fn the_management_calls_post_to_one_viewer_describe_it_and_close_it() {
    let (server, manager, _database) = with_management().await;
    let mut viewers = [server.viewer().await, server.viewer_of_changes().await];
    for viewer in &viewers {
        let path = format!("/@connections/{}", viewer.id);
        assert_eq!(manager.get(&path).await.status, 200);
        assert_eq!(manager.post(&path, viewer.id.clone()).await.status, 200);
    }
    for viewer in &mut viewers {
        assert_eq!(viewer.frame().await.map(|(text, _)| text), Some(viewer.id.clone()));
    }
    let path = format!("/@connections/{}", viewers[0].id);
    assert_eq!(manager.send(reqwest::Method::DELETE, &path, Vec::new()).await.status, 204);
    assert!(viewers[0].frame().await.is_none());
    eventually("a connection that is gone", async || manager.get(&path).await.status == 410).await;
    let gone = manager.post(&path, "{}").await;
    assert_eq!((gone.status, gone.header("x-amzn-errortype")), (410, "GoneException"));
}

#[tokio::test]
async fn the_management_calls_take_128_kb_and_nothing_but_text() {
    let (server, manager, _database) = with_management().await;
    let mut viewer: Viewer = server.viewer().await;
    let path = format!("/@connections/{}", viewer.id);
    let largest = "a".repeat(128 * 1024);
    assert_eq!(manager.post(&path, largest.clone()).await.status, 200);
    assert_eq!(viewer.frame().await.map(|(text, _)| text.len()), Some(largest.len()));
    let larger = manager.post(&path, largest + "a").await;
    assert_eq!((larger.status, larger.header("x-amzn-errortype")), (413, "PayloadTooLargeException"));
    assert_eq!(manager.post(&path, b"\xff".to_vec()).await.status, 400);
}
