//! Bots of Telegram: requests to the Bot API, and what its answers mean.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::super::{
    channel::{text_setting, url_setting},
    http::{Answer, Message},
    outcome::Outcome,
    site::Site,
};
use crate::secret::Secret;

/// The server of a channel that names none: one's own server of the Bot API would be another.
const DEFAULT_SERVER: &str = "https://api.telegram.org/";

/// What the Bot API says, in lower case, of chats that will never take a message again.
const GONE: [&str; 3] = ["chat not found", "peer_id_invalid", "message thread not found"];

/// What it says where a chat, or its administrators, do not let the bot write.
const DENIED: [&str; 4] = ["not enough rights", "have no rights", "chat_write_forbidden", "topic_closed"];

/// The bot of a channel, and the server that it is known to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bot {
    server: Secret<Url>,
    token: Secret<String>,
}

impl Bot {
    /// Reads the settings `bot_token` and `server`. The error says what is wrong with them.
    pub(crate) fn new(settings: &Value, site: &Site) -> Result<Self, String> {
        let server = match settings.get("server") {
            Some(_) => url_setting(settings, "server", site)?,
            None => Secret::new(Url::parse(DEFAULT_SERVER).expect("a URL")),
        };
        let token = text_setting(settings, "bot_token")
            .filter(|token| is_token(token))
            .ok_or("bot_token: expected the token that BotFather gave you, such as 123456789:AAF…")?;
        Ok(Self { server, token: Secret::new(token.to_owned()) })
    }

    /// Returns the request for a method of the Bot API.
    pub(crate) fn request(&self, method: &str, parameters: &impl Serialize) -> Message {
        let server = self.server.expose().as_str().trim_end_matches('/');
        let url = format!("{server}/bot{}/{method}", self.token.expose());
        Message {
            url: Secret::new(Url::parse(&url).expect("a path behind a URL")),
            headers: Vec::new(),
            body: serde_json::to_vec(parameters).expect("text and numbers are JSON"),
        }
    }
}

fn is_token(token: &str) -> bool {
    let is_legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    token.split_once(':').is_some_and(|(id, secret)| {
        !id.is_empty()
            && id.bytes().all(|b| b.is_ascii_digit())
            && (20..=100).contains(&secret.len())
            && secret.bytes().all(is_legal)
    })
}

/// What the Bot API answers to every method.
#[derive(Debug, Deserialize)]
pub(crate) struct Said {
    /// Whether the request succeeded.
    pub(crate) ok: bool,
    /// The result, if so.
    #[serde(default)]
    pub(crate) result: Value,
    #[serde(default)]
    description: String,
    #[serde(default)]
    pub(super) parameters: Parameters,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Parameters {
    pub(super) migrate_to_chat_id: Option<i64>,
    retry_after: Option<u64>,
}

impl Said {
    /// Reads an answer; `None` if it is not one of the Bot API.
    pub(crate) fn of(answer: &Answer) -> Option<Self> {
        serde_json::from_slice(&answer.body).ok()
    }

    /// Classifies a failure. The reason is in our words, for theirs may hold names.
    pub(super) fn failure(&self, answer: &Answer) -> Outcome {
        let description = self.description.to_ascii_lowercase();
        let says = |texts: &[&str]| texts.iter().any(|text| description.contains(text));
        let reason = answer.reason();
        match answer.status.as_u16() {
            // Blocked by a person, removed from a group: only they can change that.
            403 => Outcome::Gone(format!("{reason}: the bot was blocked or removed")),
            400 if says(&GONE) => Outcome::Gone(format!("{reason}: the chat does not exist")),
            400 if says(&DENIED) => Outcome::Denied(format!("{reason}: the bot may not write")),
            // How the Bot API answers a token that it cannot read.
            404 => Outcome::Denied(format!("{reason}: the bot does not exist")),
            429 => {
                let retry_after = self.parameters.retry_after.map(Duration::from_secs);
                Outcome::RetryLater { reason, retry_after }
            }
            _ => answer.outcome(&[]),
        }
    }
}

/// Classifies an answer that is not one of the Bot API.
pub(super) fn not_telegram(answer: &Answer) -> Outcome {
    match answer.outcome(&[]) {
        Outcome::Delivered(_) => Outcome::Unknown("not the answer of Telegram".to_owned()),
        outcome => outcome,
    }
}
