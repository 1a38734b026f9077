//! A stand-in for Discord: takes messages over real HTTP, or does what Discord does on its bad days.

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

/// The part of the webhook's URL that nobody may see.
pub const SECRET: &str = "s3cr3t-w3bh00k-t0k3n";

/// When a message that should come is taken to be lost: longer than a dead process may hold up others.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// What it does with a message.
#[derive(Debug, Clone)]
pub enum Behavior {
    /// Takes it.
    Takes,
    /// Takes it, and says that its limit is reached for so many seconds.
    IsExhausted(&'static str),
    /// Answers with a status and a header, and does not take it.
    Answers(u16, &'static str, &'static str),
    /// Takes the connection, and never answers.
    IsSilent,
    /// Answers 400 to messages that hold this.
    Refuses(&'static str),
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

    /// The embeds of all messages so far that nobody has looked at.
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
        Behavior::Refuses(text) if message.to_string().contains(text) => {
            StatusCode::BAD_REQUEST.into_response()
        }
        Behavior::Takes | Behavior::Refuses(_) => {
            // The test may be over.
            let _ = channel.taken.send((Instant::now(), message));
            StatusCode::OK.into_response()
        }
        Behavior::IsExhausted(seconds) => {
            let _ = channel.taken.send((Instant::now(), message));
            [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset-after", seconds)].into_response()
        }
        Behavior::Answers(status, header, value) => {
            let header = (HeaderName::from_static(header), HeaderValue::from_static(value));
            (StatusCode::from_u16(status).expect("a status"), [header]).into_response()
        }
        Behavior::IsSilent => std::future::pending().await,
    }
}
