//! Viewers of changes (`/api/stats/ws?frames=changes`) while nothing changes.

use std::time::Duration;

use heartbeat_tests::Server;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::connections::connect_from;

const UPGRADE_REQUEST: &[u8] =
    b"GET /api/stats/ws?frames=changes HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
      sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Time after which a viewer that answers no ping is dropped, and the delays of a busy machine.
const DEAD_VIEWER_TIMEOUT: Duration = Duration::from_secs(75);

#[tokio::test]
async fn a_frame_comes_each_half_minute_as_a_sign_of_life() {
    let (server, _database) = Server::fresh().await;
    server.device("Laptop").await.beat().await;
    let mut viewer = server.viewer_of_changes().await;
    let (first, connected) = viewer.frame().await.expect("a frame");
    let uptime = |frame: &str| {
        let stats: serde_json::Value = serde_json::from_str(frame).expect("JSON");
        stats["uptime"].as_u64().expect("a number")
    };
    for sign in 1..=3 {
        let (frame, received) = viewer.frame().await.expect("a frame");
        let since = (received - connected).as_secs();
        assert!((30 * sign..30 * sign + 5).contains(&since), "sign {sign} after {since} s");
        assert!(uptime(&frame) >= uptime(&first) + 30 * sign - 1, "{frame}");
    }
}

#[tokio::test]
async fn a_viewer_that_answers_no_ping_is_dropped() {
    let (server, _database) = Server::fresh().await;
    let mut stream = connect_from(1, server.port()).await;
    stream.write_all(UPGRADE_REQUEST).await.expect("a request");
    // Reads all frames, but never answers a ping.
    let mut frames = Vec::new();
    let closed = timeout(DEAD_VIEWER_TIMEOUT, stream.read_to_end(&mut frames)).await;
    assert!(closed.is_ok(), "still open after {} bytes", frames.len());
    let signs = String::from_utf8_lossy(&frames).matches("\"uptime\"").count();
    assert_eq!(signs, 2, "frames before the end");
}

#[tokio::test]
async fn a_viewer_that_talks_without_end_is_dropped() {
    // A ping without content, masked with zeros (RFC 6455, section 5.2).
    const PING: [u8; 6] = [0x89, 0x80, 0, 0, 0, 0];
    let (server, _database) = Server::fresh().await;
    let mut stream = connect_from(1, server.port()).await;
    stream.write_all(UPGRADE_REQUEST).await.expect("a request");
    let talk = async {
        // Writes fail once the server has closed the connection.
        while stream.write_all(&PING).await.is_ok() {
            let mut frames = [0; 4096];
            let _ = timeout(Duration::from_millis(1), stream.read(&mut frames)).await;
        }
    };
    timeout(DEAD_VIEWER_TIMEOUT, talk).await.expect("an end");
}
