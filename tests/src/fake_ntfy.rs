//! A stand-in for an ntfy server.
//!
//! Source: ntfy's documentation, "Sending messages", and the errors of its server.

use std::sync::Arc;

use axum::http::HeaderValue;
use serde_json::{Value, json};

use crate::fake_service::{FakeService, ServiceRequest};

/// The topic that anyone can write to.
pub const OPEN_TOPIC: &str = "anyones_topic";

/// The topic that takes a token.
pub const PROTECTED_TOPIC: &str = "protected-topic";

/// The token of that topic.
pub const TOKEN: &str = "tk_s3cr3tt0k3n";

/// Starts a server with these two topics.
pub async fn start() -> FakeService {
    FakeService::start(Arc::new(publish)).await
}

/// The error of a server, as it writes it.
pub fn error(code: u64, text: &str) -> Value {
    json!({ "code": code, "http": code / 100, "error": text })
}

fn publish(request: &ServiceRequest) -> (u16, Value) {
    let refusal = |code: u64, text: &str| (u16::try_from(code / 100).expect("a status"), error(code, text));
    let message = &request.body;
    if request.path != "/" {
        return refusal(40_401, "page not found");
    }
    let text = |name: &str| message[name].as_str().unwrap_or_default();
    match (text("topic"), request.headers.get("authorization").map(HeaderValue::as_bytes)) {
        (OPEN_TOPIC, None) => {}
        (PROTECTED_TOPIC, None) => return refusal(40_301, "forbidden"),
        (OPEN_TOPIC | PROTECTED_TOPIC, Some(token)) if token == format!("Bearer {TOKEN}").as_bytes() => {}
        (OPEN_TOPIC | PROTECTED_TOPIC, Some(_)) => return refusal(40_101, "unauthorized"),
        _ => return refusal(40_009, "invalid request: topic invalid"),
    }
    if text("message").len() > 4_096 {
        return refusal(40_014, "invalid request: attachments not allowed");
    }
    if text("title").len() > 1_024 || !(1..=5).contains(&message["priority"].as_u64().unwrap_or(3)) {
        return refusal(40_007, "invalid priority parameter");
    }
    let actions = message["actions"].as_array().cloned().unwrap_or_default();
    let is_sound = |action: &Value| {
        matches!(action["action"].as_str(), Some("view" | "http" | "broadcast" | "copy"))
            && action["label"].is_string()
            && action["url"].is_string()
    };
    if actions.len() > 3 || !actions.iter().all(is_sound) {
        return refusal(40_018, "invalid request: actions invalid");
    }
    (200, json!({ "id": "hwQ2YpKdmg", "event": "message", "topic": text("topic") }))
}
