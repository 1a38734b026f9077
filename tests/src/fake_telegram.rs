//! A stand-in for the server of Telegram's Bot API.
//!
//! Source: Telegram's Bot API, "Making requests", "Getting updates", `getMe` and `sendMessage`.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::fake_service::{FakeService, ServiceRequest};

/// The token of the one bot that it knows.
pub const BOT_TOKEN: &str = "123456789:AAFs3cr3tb0tt0k3ns3cr3tb0tt0k3n";

/// A person who writes with the bot.
pub const PERSON: i64 = 4_711;

/// A person who has blocked the bot.
pub const BLOCKED: i64 = 4_712;

/// A group that has become another one, [`SUPERGROUP`].
pub const UPGRADED_GROUP: i64 = -500;

/// What [`UPGRADED_GROUP`] is now.
pub const SUPERGROUP: i64 = -1_001_234_567_890;

/// The server, and what was written to its bot.
#[derive(Debug)]
pub struct FakeTelegram {
    /// The service itself.
    pub service: FakeService,
    updates: Arc<Mutex<Updates>>,
}

/// Updates that no request has confirmed yet.
#[derive(Debug, Default)]
struct Updates {
    last_id: i64,
    waiting: Vec<Value>,
}

impl FakeTelegram {
    /// Starts a server on a free port.
    pub async fn start() -> Self {
        let updates = Arc::new(Mutex::new(Updates::default()));
        let known = Arc::clone(&updates);
        let service = FakeService::start(Arc::new(move |request| answer(request, &known))).await;
        Self { service, updates }
    }

    /// Lets a person write to the bot in a chat.
    pub fn write(&self, chat: i64, text: &str) {
        let mut updates = self.updates.lock().expect("the mutex is not poisoned");
        updates.last_id += 1;
        let kind = if chat > 0 { "private" } else { "supergroup" };
        let update = json!({
            "update_id": updates.last_id,
            "message": { "message_id": 1, "chat": { "id": chat, "type": kind }, "date": 0, "text": text },
        });
        updates.waiting.push(update);
    }

    /// Number of updates that no request has confirmed.
    pub fn unconfirmed(&self) -> usize {
        self.updates.lock().expect("the mutex is not poisoned").waiting.len()
    }
}

fn answer(request: &ServiceRequest, updates: &Mutex<Updates>) -> (u16, Value) {
    let Some(method) = request.path.strip_prefix(&format!("/bot{BOT_TOKEN}/")) else {
        return failure(401, "Unauthorized", &json!({}));
    };
    let done = |result: Value| (200, json!({ "ok": true, "result": result }));
    match method {
        "getMe" => done(json!({ "id": 123_456_789, "is_bot": true, "username": "heart_beat_bot" })),
        "getUpdates" => {
            let mut updates = updates.lock().expect("the mutex is not poisoned");
            let offset = request.body["offset"].as_i64().unwrap_or(0);
            updates.waiting.retain(|update| update["update_id"].as_i64() >= Some(offset));
            let limit = request.body["limit"].as_u64().unwrap_or(100);
            let limit = usize::try_from(limit).expect("a number");
            done(updates.waiting.iter().take(limit).cloned().collect())
        }
        "sendMessage" => send_message(&request.body),
        _ => failure(404, "Not Found", &json!({})),
    }
}

fn send_message(message: &Value) -> (u16, Value) {
    let text = message["text"].as_str().unwrap_or_default();
    match message["chat_id"].as_i64() {
        _ if text.is_empty() => failure(400, "Bad Request: message text is empty", &json!({})),
        _ if text.chars().count() > 4_096 => failure(400, "Bad Request: message is too long", &json!({})),
        Some(PERSON | SUPERGROUP) => {
            (200, json!({ "ok": true, "result": { "message_id": 2, "text": text } }))
        }
        Some(BLOCKED) => failure(403, "Forbidden: bot was blocked by the user", &json!({})),
        Some(UPGRADED_GROUP) => failure(
            400,
            "Bad Request: group chat was upgraded to a supergroup chat",
            &json!({ "migrate_to_chat_id": SUPERGROUP }),
        ),
        _ => failure(400, "Bad Request: chat not found", &json!({})),
    }
}

fn failure(status: u16, description: &str, parameters: &Value) -> (u16, Value) {
    (
        status,
        json!({ "ok": false, "error_code": status, "description": description, "parameters": parameters }),
    )
}
