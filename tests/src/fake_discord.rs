//! A stand-in for Discord: accepts messages over real HTTP, or fails as Discord does on its bad days.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::mpsc, time::timeout};

/// The secret part of the webhook's URL.
pub const SECRET: &str = "s3cr3t-w3bh00k-t0k3n";

/// Timeout of a message: longer than the lease of a dead process.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// Reaction to a message.
#[derive(Debug, Clone)]
pub enum Behavior {
    /// Accepts it.
    Accepts,
    /// Accepts it, and says that its rate limit is reached for so many seconds.
    AcceptsAndRateLimits(&'static str),
    /// Responds with a status and a header, and does not accept it.
    Responds(u16, &'static str, &'static str),
    /// Accepts the connection, and never responds.
    Hangs,
    /// Responds with 400 to messages that contain this.
    RejectsContaining(&'static str),
}

/// A channel that can be written to.
#[derive(Debug)]
pub struct FakeDiscord {
    /// The URL of the webhook.
    pub url: String,
    taken: mpsc::UnboundedReceiver<(Instant, Value)>,
    channel: Channel,
}

#[derive(Debug, Clone)]
struct Channel {
    behavior: Arc<Mutex<Behavior>>,
    attempts: Arc<Mutex<Vec<Instant>>>,
    taken: mpsc::UnboundedSender<(Instant, Value)>,
}

impl FakeDiscord {
    /// A channel on a free port.
    pub async fn start(behavior: Behavior) -> Self {
        Self::start_on(TcpListener::bind("127.0.0.1:0").await.expect("a port"), behavior)
    }

    /// A channel behind a port of one's own.
    pub fn start_on(listener: TcpListener, behavior: Behavior) -> Self {
        let port = listener.local_addr().expect("its number").port();
        let (sender, taken) = mpsc::unbounded_channel();
        let channel =
            Channel { behavior: Arc::new(Mutex::new(behavior)), attempts: Arc::default(), taken: sender };
        let routes =
            Router::new().route("/api/webhooks/1/{token}", post(message)).with_state(channel.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url: format!("http://127.0.0.1:{port}/api/webhooks/1/{SECRET}"), taken, channel }
    }

    /// Changes its behavior.
    pub fn change(&self, behavior: Behavior) {
        *self.channel.behavior.lock().expect("nobody panics") = behavior;
    }

    /// When it was written to, successfully or not.
    pub fn attempts(&self) -> Vec<Instant> {
        self.channel.attempts.lock().expect("nobody panics").clone()
    }

    /// The next message that it took, and when.
    pub async fn message(&mut self) -> (Instant, Value) {
        timeout(TEST_TIMEOUT, self.taken.recv()).await.expect("a message in time").expect("a channel")
    }

    /// Returns the embeds of all messages that were not returned yet.
    pub fn embeds(&mut self) -> Vec<Value> {
        let mut embeds = Vec::new();
        while let Ok((_, message)) = self.taken.try_recv() {
            embeds.extend(message["embeds"].as_array().expect("embeds").iter().cloned());
        }
        embeds
    }
}

async fn message(State(channel): State<Channel>, Json(message): Json<Value>) -> Response {
    channel.attempts.lock().expect("nobody panics").push(Instant::now());
    let behavior = channel.behavior.lock().expect("nobody panics").clone();
    match behavior {
        Behavior::RejectsContaining(text) if message.to_string().contains(text) => {
            StatusCode::BAD_REQUEST.into_response()
        }
        Behavior::Accepts | Behavior::RejectsContaining(_) => {
            // The test may be over.
            let _ = channel.taken.send((Instant::now(), message));
            StatusCode::OK.into_response()
        }
        Behavior::AcceptsAndRateLimits(seconds) => {
            let _ = channel.taken.send((Instant::now(), message));
            [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset-after", seconds)].into_response()
        }
        Behavior::Responds(status, header, value) => {
            let header = (HeaderName::from_static(header), HeaderValue::from_static(value));
            (StatusCode::from_u16(status).expect("a status"), [header]).into_response()
        }
        Behavior::Hangs => std::future::pending().await,
    }
}
