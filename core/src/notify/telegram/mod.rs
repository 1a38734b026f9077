//! Telegram: messages of a bot to a chat.
//!
//! - [`bot`]: requests to the Bot API, and what its answers mean.
//!
//! Source: Telegram's Bot API, "Making requests" (answers and `ResponseParameters`), `sendMessage` and
//! `LinkPreviewOptions`; its FAQ for bots (limits).

mod bot;

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::{Map, Value};

use self::bot::not_telegram;
pub(crate) use self::bot::{Bot, Said};
use super::{
    channel::{Channel, ChannelKind, Setting, text_setting},
    event::Event,
    http::{Answer, Http, Message},
    outcome::Outcome,
    site::Site,
    text,
    wording::{self, Reader, Wording},
};
use crate::secret::Secret;

/// Characters of a message, after which it is refused.
const TEXT_MAX_CHARS: usize = 4_096;

/// Delay between messages to a person, and to a group, which takes 20 a minute.
const CHAT_DELAY: Duration = Duration::from_secs(1);
const GROUP_DELAY: Duration = Duration::from_secs(3);

/// The kind `telegram`, with the settings `bot_token`, `chat_id`, `thread_id` and `server`. Without a `chat_id` the chat is
/// found by what its reader writes to the bot, whose name is kept as `bot_name`.
pub(super) const KIND: ChannelKind = ChannelKind {
    name: "telegram",
    settings: &[
        Setting::secret("bot_token"),
        Setting::open("chat_id"),
        Setting::open("thread_id"),
        Setting::open("server"),
        Setting::open("bot_name"),
    ],
    make,
};

#[derive(Debug)]
struct Telegram {
    bot: Bot,
    chat: Option<Chat>,
    thread: Option<i64>,
    /// All settings, for when one of them changes.
    settings: Secret<Map<String, Value>>,
}

/// A chat, or the name of a public channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Chat {
    Id(i64),
    Name(String),
}

impl Chat {
    fn parse(text: &str) -> Option<Self> {
        let is_legal = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        match text.strip_prefix('@') {
            Some(name) if (4..=32).contains(&name.len()) && name.bytes().all(is_legal) => {
                Some(Self::Name(text.to_owned()))
            }
            Some(_) => None,
            None => text.parse().ok().map(Self::Id),
        }
    }

    /// Delay before the next message.
    fn delay(&self) -> Duration {
        match self {
            // People have positive ids.
            Self::Id(1..) => CHAT_DELAY,
            Self::Id(_) | Self::Name(_) => GROUP_DELAY,
        }
    }
}

fn make(settings: &Value, site: &Site) -> Result<Box<dyn Channel>, String> {
    Ok(Box::new(Telegram::new(settings, site)?))
}

impl Channel for Telegram {
    fn max_events(&self) -> usize {
        1
    }

    fn send<'a>(
        &'a self,
        events: &'a [Event],
        reader: &'a Reader<'a>,
        http: &'a Http,
    ) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let Some(chat) = &self.chat else {
                return Outcome::Denied("the chat is not known yet".to_owned());
            };
            let message = self.message(chat, &wording::of(&events[0], reader));
            match http.post(message).await {
                Ok(answer) => self.outcome(chat, &answer),
                Err(outcome) => outcome,
            }
        })
    }
}

impl Telegram {
    fn new(settings: &Value, site: &Site) -> Result<Self, String> {
        let bot = Bot::new(settings, site)?;
        // As a number, or as text, which is what forms hold.
        let number = |name: &str| settings.get(name).and_then(Value::as_i64).map(|number| number.to_string());
        let given = |name: &str| number(name).or_else(|| text_setting(settings, name).map(str::to_owned));
        let chat = match settings.get("chat_id") {
            Some(_) => {
                let chat = given("chat_id").and_then(|text| Chat::parse(&text));
                Some(chat.ok_or("chat_id: expected a number, or the @name of a public channel")?)
            }
            None => None,
        };
        let thread = match settings.get("thread_id") {
            Some(_) => {
                let thread = given("thread_id").and_then(|text| text.parse().ok());
                Some(thread.ok_or("thread_id: expected a number")?)
            }
            None => None,
        };
        let settings = settings.as_object().cloned().unwrap_or_default();
        Ok(Self { bot, chat, thread, settings: Secret::new(settings) })
    }

    fn message(&self, chat: &Chat, wording: &Wording) -> Message {
        let body = Body {
            chat_id: chat,
            message_thread_id: self.thread,
            text: text_of(wording),
            link_preview_options: LinkPreviewOptions { is_disabled: true },
        };
        self.bot.request("sendMessage", &body)
    }

    fn outcome(&self, chat: &Chat, answer: &Answer) -> Outcome {
        let Some(said) = Said::of(answer) else { return not_telegram(answer) };
        if said.ok {
            return Outcome::Delivered(chat.delay());
        }
        if let Some(id) = said.parameters.migrate_to_chat_id {
            let mut settings = self.settings.expose().clone();
            settings.insert("chat_id".to_owned(), id.into());
            return Outcome::Moved(settings);
        }
        said.failure(answer)
    }
}

/// The message: title, paragraphs, and a line for each link. Buttons would be refused where a link leads to a name that is
/// none of the internet's.
fn text_of(wording: &Wording) -> String {
    let links = wording.links.iter().map(|link| format!("\n\n{}: {}", link.label, link.url));
    let links: String = links.collect();
    let words = format!("{}\n\n{}", wording.title, wording.paragraphs.join("\n\n"));
    let room = TEXT_MAX_CHARS.saturating_sub(links.chars().count());
    text::cut_to_chars(&words, room) + &links
}

/// Plain text: without `parse_mode`, nothing in it means anything.
#[derive(Debug, Serialize)]
struct Body<'a> {
    chat_id: &'a Chat,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_thread_id: Option<i64>,
    text: String,
    link_preview_options: LinkPreviewOptions,
}

/// Previews would open links before their reader does.
#[derive(Debug, Serialize)]
struct LinkPreviewOptions {
    is_disabled: bool,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        link::LinkAction,
        notify::wording::{Tone, WordingLink},
    };

    const TOKEN: &str = "123456789:AAFs3cr3tb0tt0k3ns3cr3tb0tt0k3n";

    #[test]
    fn texts_are_cut_before_links_are() {
        let url = format!("https://beat.example.org/ok/{}", "x".repeat(44));
        let wording = Wording {
            title: "Silent".to_owned(),
            paragraphs: vec!["☎️".repeat(3_000)],
            links: vec![WordingLink { label: "I'm fine", url: url.clone(), action: LinkAction::Ok }],
            page: "https://beat.example.org/".to_owned(),
            tone: Tone::Alarm,
            firing: Some(7),
        };
        let text = text_of(&wording);
        assert!(text.chars().count() <= TEXT_MAX_CHARS);
        assert!(
            text.starts_with("Silent\n\n☎️") && text.ends_with(&format!("…\n\nI'm fine: {url}")),
            "{text}"
        );
    }

    #[test]
    fn settings_that_cannot_work_are_named_without_their_values() {
        for (name, value) in [
            ("bot_token", "hush"),
            ("bot_token", "123:hush/../../hushhushhushhushhush"),
            ("chat_id", "hush"),
            ("chat_id", "@hush!"),
            ("thread_id", "hush"),
            ("server", "hush"),
        ] {
            let mut settings = json!({ "bot_token": TOKEN, "chat_id": "4711" });
            settings[name] = value.into();
            let error = Telegram::new(&settings, &Site::example()).map(drop).expect_err(value);
            assert!(error.starts_with(name) && !error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn chats_are_numbers_or_names() {
        for (chat, expected) in [
            (json!(-100_123), Some(Chat::Id(-100_123))),
            (json!("-100123"), Some(Chat::Id(-100_123))),
            (json!("@anna_channel"), Some(Chat::Name("@anna_channel".to_owned()))),
        ] {
            let settings = json!({ "bot_token": TOKEN, "chat_id": chat });
            let telegram = Telegram::new(&settings, &Site::example()).expect("sound settings");
            assert_eq!(telegram.chat, expected);
        }
        let telegram =
            Telegram::new(&json!({ "bot_token": TOKEN }), &Site::example()).expect("sound settings");
        assert_eq!(telegram.chat, None);
    }
}
