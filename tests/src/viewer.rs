//! A viewer of the stream.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

/// When a frame that should come is taken to be lost.
const TEST_TIMEOUT: Duration = Duration::from_secs(20);

/// One open WebSocket.
#[derive(Debug)]
pub struct Viewer {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The name by which the server's management calls know it; empty if the server does not tell.
    pub id: String,
}

impl Viewer {
    /// Opens a WebSocket.
    pub async fn connect(url: &str) -> Self {
        let (socket, response) = connect_async(url).await.expect("a WebSocket");
        let id = response.headers().get("x-connection-id").and_then(|id| id.to_str().ok());
        Self { socket, id: id.unwrap_or_default().to_owned() }
    }

    /// The next frame as it was sent, and when it came; `None` when the server has said goodbye.
    pub async fn frame(&mut self) -> Option<(String, Instant)> {
        loop {
            let message = timeout(TEST_TIMEOUT, self.socket.next()).await.expect("a frame in time");
            match message.expect("a goodbye before the end").expect("a sound frame") {
                Message::Text(text) => return Some((text.as_str().to_owned(), Instant::now())),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// The figures in the next frame.
    pub async fn stats(&mut self) -> Value {
        let (text, _) = self.frame().await.expect("a frame");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Says something.
    pub async fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.expect("an open WebSocket");
    }
}
