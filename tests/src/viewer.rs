//! A viewer of the stream.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

/// Timeout of a frame. A viewer of changes gets one in half a minute at least.
const TEST_TIMEOUT: Duration = Duration::from_secs(45);

/// Open WebSocket of the stream.
#[derive(Debug)]
pub struct Viewer {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Connection id for the management calls; empty if the server has none.
    pub id: String,
}

impl Viewer {
    /// Opens a WebSocket.
    pub async fn connect(url: &str) -> Self {
        let (socket, response) = connect_async(url).await.expect("a WebSocket");
        let id = response.headers().get("x-connection-id").and_then(|id| id.to_str().ok());
        Self { socket, id: id.unwrap_or_default().to_owned() }
    }

    /// Waits for the next frame; returns its text and when it came, or `None` after a close frame.
    pub async fn frame(&mut self) -> Option<(String, Instant)> {
        loop {
            let message = timeout(TEST_TIMEOUT, self.socket.next()).await.expect("a frame in time");
            match message.expect("a close frame before the end").expect("a valid frame") {
                Message::Text(text) => return Some((text.as_str().to_owned(), Instant::now())),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// Waits for the next frame; returns its stats.
    pub async fn stats(&mut self) -> Value {
        let (text, _) = self.frame().await.expect("a frame");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Whether all frames that have arrived were taken.
    pub async fn has_no_frame(&mut self) -> bool {
        timeout(Duration::ZERO, self.frame()).await.is_err()
    }

    /// Sends a text message.
    pub async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.expect("an open WebSocket");
    }
}
