//! A stand-in for Discord: accepts messages over real HTTP, or fails as Discord does on its bad days.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::{RawQuery, State},
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    time::timeout,
};

/// Secret part of the webhook URL.
pub const SECRET: &str = "s3cr3t-w3bh00k-t0k3n";

/// Timeout of a message: longer than the lease that a killed process leaves behind.
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
    /// Holds requests until its behavior changes, and then follows the new one.
    Holds,
    /// Responds with 400 to messages that contain this.
    RejectsContaining(&'static str),
}

/// Discord webhook that keeps the messages it accepts.
#[derive(Debug)]
pub struct FakeDiscord {
    /// URL of the webhook.
    pub url: String,
    accepted: mpsc::UnboundedReceiver<(Instant, Value)>,
    state: Webhook,
}

#[derive(Debug, Clone)]
struct Webhook {
    behavior: watch::Sender<Behavior>,
    attempts: Arc<Mutex<Vec<Instant>>>,
    accepted: mpsc::UnboundedSender<(Instant, Value)>,
}

impl FakeDiscord {
    /// Starts a webhook on a free port.
    pub async fn start(behavior: Behavior) -> Self {
        Self::start_on(TcpListener::bind("127.0.0.1:0").await.expect("a port"), behavior)
    }

    /// Starts a webhook on a listener that the caller has bound.
    pub fn start_on(listener: TcpListener, behavior: Behavior) -> Self {
        let port = listener.local_addr().expect("a local address").port();
        let (sender, accepted) = mpsc::unbounded_channel();
        let behavior = watch::Sender::new(behavior);
        let state = Webhook { behavior, attempts: Arc::default(), accepted: sender };
        let routes = Router::new().route("/api/webhooks/1/{token}", post(message)).with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url: format!("http://127.0.0.1:{port}/api/webhooks/1/{SECRET}"), accepted, state }
    }

    /// Changes its behavior.
    pub fn change(&self, behavior: Behavior) {
        self.state.behavior.send_replace(behavior);
    }

    /// Times of all requests, accepted or not.
    pub fn attempts(&self) -> Vec<Instant> {
        self.state.attempts.lock().expect("the mutex is not poisoned").clone()
    }

    /// Waits for the next accepted message; returns when it came, and the message.
    pub async fn message(&mut self) -> (Instant, Value) {
        timeout(TEST_TIMEOUT, self.accepted.recv()).await.expect("a message in time").expect("a webhook")
    }

    /// Returns the embeds of all messages that were not returned yet.
    pub fn embeds(&mut self) -> Vec<Value> {
        let mut embeds = Vec::new();
        while let Ok((_, message)) = self.accepted.try_recv() {
            embeds.extend(message["embeds"].as_array().expect("embeds").iter().cloned());
        }
        embeds
    }
}

async fn message(
    State(webhook): State<Webhook>,
    RawQuery(query): RawQuery,
    Json(message): Json<Value>,
) -> Response {
    webhook.attempts.lock().expect("the mutex is not poisoned").push(Instant::now());
    let mut behavior = webhook.behavior.subscribe();
    let behavior = behavior.wait_for(|it| !matches!(it, Behavior::Holds)).await.expect("a sender").clone();
    // The test may have ended, and not wait for the message.
    let accept = || drop(webhook.accepted.send((Instant::now(), message.clone())));
    match behavior {
        Behavior::Holds | Behavior::Hangs => std::future::pending().await,
        Behavior::Responds(status, header, value) => {
            let header = (HeaderName::from_static(header), HeaderValue::from_static(value));
            (StatusCode::from_u16(status).expect("a status"), [header]).into_response()
        }
        Behavior::RejectsContaining(text) if message.to_string().contains(text) => {
            StatusCode::BAD_REQUEST.into_response()
        }
        // Without this, Discord does not say whether it has kept a message; this one keeps none.
        _ if !query.is_some_and(|query| query.split('&').any(|it| it == "wait=true")) => {
            StatusCode::NO_CONTENT.into_response()
        }
        Behavior::Accepts | Behavior::RejectsContaining(_) => {
            accept();
            StatusCode::OK.into_response()
        }
        Behavior::AcceptsAndRateLimits(seconds) => {
            accept();
            [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset-after", seconds)].into_response()
        }
    }
}
