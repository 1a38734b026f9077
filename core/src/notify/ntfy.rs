//! ntfy: messages to a topic, on ntfy.sh or a server of one's own.
//!
//! Source: ntfy's documentation, "Sending messages" (publish as JSON, action buttons, limitations, updating messages), and
//! the error codes of its server (`server/errors.go`).

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::Value;
use time::{OffsetDateTime, Time};
use url::Url;

use super::{
    channel::{Channel, ChannelKind, Setting, text_setting, url_setting},
    event::Event,
    http::{Answer, Http, Message},
    outcome::Outcome,
    site::Site,
    text,
    wording::{self, Reader, Tone, Wording, WordingLink},
};
use crate::{channel::Audience, link::LinkAction, secret::Secret};

/// The server of a channel that names none.
const DEFAULT_SERVER: &str = "https://ntfy.sh/";

/// Longer titles are refused.
const TITLE_MAX_BYTES: usize = 1_024;

/// Longer messages become attachments.
const MESSAGE_MAX_BYTES: usize = 4_096;

/// Actions that one message holds at most.
const MAX_ACTIONS: usize = 3;

/// The error of a server that takes no more messages of this sender today.
const DAILY_QUOTA_REACHED: u64 = 42_908;

/// Delay after status 429, which comes without one. A burst of 60 messages is refilled by one in 5 seconds, and a sender
/// that does not slow down is banned.
const RATE_LIMITED_DELAY: Duration = Duration::from_mins(1);

/// What stands where links would, in a topic that anyone who knows its name can read.
const NO_LINKS: &str = "There are no links here, as anyone who knows this topic could follow them.";

/// The kind `ntfy`, with the settings `topic`, `server` (unless it is ntfy.sh) and `token` (where the topic is protected).
pub(super) const KIND: ChannelKind = ChannelKind {
    name: "ntfy",
    settings: &[Setting::open("server"), Setting::open("topic"), Setting::secret("token")],
    make,
};

#[derive(Debug)]
struct Ntfy {
    server: Secret<Url>,
    topic: String,
    token: Option<Secret<String>>,
}

fn make(settings: &Value, site: &Site) -> Result<Box<dyn Channel>, String> {
    Ok(Box::new(Ntfy::new(settings, site)?))
}

impl Channel for Ntfy {
    fn max_events(&self) -> usize {
        1
    }

    fn send<'a>(
        &'a self,
        events: &'a [Event],
        reader: &'a Reader<'a>,
        http: &'a Http,
    ) -> BoxFuture<'a, Outcome> {
        let message = self.message(&wording::of(&events[0], reader), reader);
        Box::pin(async move {
            match http.post(message).await {
                Ok(answer) => outcome(&answer, reader.now),
                Err(outcome) => outcome,
            }
        })
    }
}

impl Ntfy {
    fn new(settings: &Value, site: &Site) -> Result<Self, String> {
        let server = match settings.get("server") {
            Some(_) => url_setting(settings, "server", site)?,
            None => Secret::new(Url::parse(DEFAULT_SERVER).expect("a URL")),
        };
        let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let topic = text_setting(settings, "topic")
            .filter(|topic| (1..=64).contains(&topic.len()) && topic.chars().all(is_legal))
            .ok_or("topic: expected up to 64 letters, digits, - and _")?;
        let token = match settings.get("token") {
            Some(_) => {
                let token = text_setting(settings, "token");
                let token =
                    token.filter(|token| !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic()));
                Some(Secret::new(token.ok_or("token: expected an access token such as tk_…")?.to_owned()))
            }
            None => None,
        };
        Ok(Self { server, topic: topic.to_owned(), token })
    }

    fn message(&self, wording: &Wording, reader: &Reader<'_>) -> Message {
        let body = serde_json::to_vec(&self.body(wording, reader)).expect("text and numbers are JSON");
        let authorization =
            self.token.iter().map(|token| ("authorization", format!("Bearer {}", token.expose())));
        Message { url: self.server.clone(), headers: authorization.collect(), body }
    }

    fn body<'a>(&'a self, wording: &'a Wording, reader: &Reader<'_>) -> Body<'a> {
        let is_protected = self.token.is_some();
        let mut message = wording.paragraphs.join("\n\n");
        if !is_protected && !wording.links.is_empty() {
            message = format!("{message}\n\n{NO_LINKS}");
        }
        let has_page_to_act = !wording.links.is_empty() && reader.audience == Audience::Owner;
        let (priority, tag) = match wording.tone {
            Tone::Alarm => (5, "rotating_light"),
            Tone::Warning => (4, "warning"),
            Tone::Good => (3, "white_check_mark"),
            Tone::Notice => (3, "heartbeat"),
        };
        let actions = wording.links.iter().filter(|_| is_protected).take(MAX_ACTIONS);
        Body {
            topic: &self.topic,
            title: text::cut_to_bytes(&wording.title, TITLE_MAX_BYTES),
            message: text::cut_to_bytes(&message, MESSAGE_MAX_BYTES),
            tags: [tag],
            priority,
            click: if has_page_to_act { reader.site.page("manage") } else { wording.page.clone() },
            icon: reader.site.page("assets/icon-512.png"),
            actions: actions.map(Action::of).collect(),
            sequence_id: wording.firing.map(|firing| format!("firing-{firing}")),
        }
    }
}

#[derive(Debug, Serialize)]
struct Body<'a> {
    topic: &'a str,
    title: String,
    message: String,
    tags: [&'static str; 1],
    priority: u8,
    click: String,
    icon: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<Action<'a>>,
    /// Messages with the same one are one entry, which the newest replaces. Servers before 2.16 ignore it.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence_id: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "action", rename_all = "lowercase")]
enum Action<'a> {
    /// A request that the app makes by itself.
    Http { label: &'a str, url: &'a str, method: &'static str, clear: bool },
    /// A page that is opened.
    View { label: &'a str, url: &'a str },
}

impl<'a> Action<'a> {
    /// Those who are well need not look at a page; friends see on theirs what their word does.
    fn of(link: &'a WordingLink) -> Self {
        let (label, url) = (link.label, link.url.as_str());
        match link.action {
            LinkAction::Ok => Self::Http { label, url, method: "POST", clear: true },
            LinkAction::Reached | LinkAction::Confirm | LinkAction::Unsubscribe => Self::View { label, url },
        }
    }
}

fn outcome(answer: &Answer, now: OffsetDateTime) -> Outcome {
    let status = answer.status.as_u16();
    if answer.status.is_success() {
        // A server of another kind takes anything.
        return match answer.json()["id"] {
            Value::String(_) => Outcome::Delivered(Duration::ZERO),
            _ => Outcome::Unknown("not the answer of ntfy".to_owned()),
        };
    }
    if status != 429 {
        return answer.outcome(&[]);
    }
    if answer.json()["code"] == DAILY_QUOTA_REACHED {
        let reason = format!("{}: daily quota reached", answer.reason());
        return Outcome::OutOfQuota { reason, retry_after: until_midnight(now) };
    }
    match answer.outcome(&[]) {
        Outcome::RetryLater { reason, retry_after: None } => {
            Outcome::RetryLater { reason, retry_after: Some(RATE_LIMITED_DELAY) }
        }
        outcome => outcome,
    }
}

/// Returns the time until quotas start anew: at midnight in UTC, and a minute later, as clocks differ.
fn until_midnight(now: OffsetDateTime) -> Duration {
    let now = now.to_offset(time::UtcOffset::UTC);
    let midnight = now.replace_time(Time::MIDNIGHT).saturating_add(time::Duration::DAY);
    (midnight - now).unsigned_abs() + Duration::from_mins(1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    fn problem(settings: &Value) -> String {
        Ntfy::new(settings, &Site::example()).map(drop).expect_err("a problem")
    }

    #[test]
    fn settings_that_cannot_work_are_named_without_their_values() {
        for (name, value) in [
            ("topic", "hush!"),
            ("topic", ""),
            ("token", "hush hush"),
            ("server", "ftp://hush"),
            ("server", ""),
        ] {
            let mut settings = json!({ "topic": "anna" });
            settings[name] = value.into();
            let error = problem(&settings);
            assert!(error.starts_with(name) && !error.contains("hush"), "{error}");
        }
        assert!(problem(&json!({})).starts_with("topic"));
        assert!(
            problem(&json!({ "topic": "anna", "server": "http://169.254.169.254/" })).starts_with("server")
        );
    }

    #[test]
    fn quotas_start_anew_at_midnight_in_utc() {
        for (now, minutes) in [
            (datetime!(2026-11-25 23:59 UTC), 2),
            (datetime!(2026-11-25 00:00 UTC), 24 * 60 + 1),
            (datetime!(2026-11-25 00:30 +01:00), 31),
        ] {
            assert_eq!(until_midnight(now), Duration::from_mins(minutes), "{now}");
        }
    }
}
