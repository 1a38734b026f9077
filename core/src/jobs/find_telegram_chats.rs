//! Finds the chats of Telegram's channels: people do not know the id of their own. The reader of a channel sends its code to the
//! bot (`/start CODE`, which a link types for them), and the chat it comes from is the one.
//!
//! The bot is asked only while a channel waits, for a day after its owner last saved it. What was read is confirmed, or the bot would be told of
//! the same messages for ever; so the bot should do nothing else meanwhile.
//!
//! Source: Telegram's Bot API, `getUpdates`, `getMe`; "Deep linking" in its documentation of bots.

use std::{sync::Mutex, time::Duration};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use crate::{
    Clock, Error,
    database::{
        Connection, SharedSession,
        telegram_chats::{self, UnlinkedChannel},
    },
    notify::{
        http::Http,
        outcome::Outcome,
        site::Site,
        telegram::{Bot, Said},
    },
};

/// Time since the owner made or changed a channel after which its code is no longer looked for.
const CODE_MAX_AGE: Duration = Duration::from_hours(24);

/// Timeout of one statement.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(2);

/// Messages that are read of one bot at each tick.
const UPDATES_MAX: u8 = 20;

/// Finds chats.
#[derive(Debug)]
pub struct TelegramChats {
    session: SharedSession,
    http: Http,
    site: Site,
    /// Why bots could not be asked the last time, by the id of a channel: said once, and not at each tick.
    failing: Mutex<Vec<(i64, String)>>,
}

/// Something that the bot was told.
#[derive(Debug, Deserialize)]
struct Update {
    update_id: i64,
    message: Option<Message>,
}

#[derive(Debug, Deserialize)]
struct Message {
    text: Option<String>,
    chat: Chat,
    /// The topic of a group that has topics, and the thread of replies elsewhere.
    #[serde(rename = "message_thread_id")]
    thread_id: Option<i64>,
    #[serde(rename = "is_topic_message", default)]
    is_in_topic: bool,
}

#[derive(Debug, Deserialize)]
struct Chat {
    id: i64,
}

impl TelegramChats {
    /// Finds chats for the channels that `session` reaches.
    #[must_use]
    pub fn new(session: SharedSession, site: Site, clock: Clock) -> Self {
        Self { session, http: Http::new(site.runtime, clock), site, failing: Mutex::default() }
    }

    /// Asks each bot of a channel without a chat once, until `until`.
    pub async fn run(&self, until: Instant) {
        // Errors are logged where they happen.
        let _ = timeout_at(until, self.find()).await;
    }

    async fn find(&self) -> Result<(), Error> {
        let age = CODE_MAX_AGE.as_secs_f64();
        let channels = self.query(async |it| telegram_chats::unlinked(it, age).await).await?;
        // Channels of one bot are looked for together, since it tells of each message once.
        let mut bots: Vec<(Bot, Vec<UnlinkedChannel>)> = Vec::new();
        for channel in channels {
            // One that cannot be made is logged by the dispatcher.
            let Ok(bot) = Bot::new(channel.settings.expose(), &self.site) else { continue };
            match bots.iter_mut().find(|(known, _)| *known == bot) {
                Some((_, channels)) => channels.push(channel),
                None => bots.push((bot, vec![channel])),
            }
        }
        let mut failing = Vec::new();
        for (bot, channels) in bots {
            if let Err(reason) = self.ask(&bot, &channels).await? {
                failing.push((channels[0].id, reason));
            }
        }
        self.log(failing);
        Ok(())
    }

    /// Asks a bot for its name, where it is not known, and for what it was told. Returns the reason if it does not answer.
    async fn ask(&self, bot: &Bot, channels: &[UnlinkedChannel]) -> Result<Result<(), String>, Error> {
        let nameless = |channel: &&UnlinkedChannel| channel.settings.expose().get("bot_name").is_none();
        if channels.iter().any(|channel| nameless(&channel)) {
            let me = match self.call(bot, "getMe", &json!({})).await {
                Ok(me) => me,
                Err(reason) => return Ok(Err(reason)),
            };
            let name = me["username"].as_str().unwrap_or_default();
            for UnlinkedChannel { id, .. } in channels.iter().filter(nameless) {
                self.query(async |it| telegram_chats::set_bot_name(it, *id, name).await).await?;
            }
        }
        self.read_updates(bot, channels).await
    }

    /// Reads what the bot was told, one message at a time, since a few long ones would be more than is read of an answer.
    async fn read_updates(
        &self,
        bot: &Bot,
        channels: &[UnlinkedChannel],
    ) -> Result<Result<(), String>, Error> {
        let mut next = json!({ "limit": 1, "timeout": 0 });
        for _ in 0..UPDATES_MAX {
            let updates = match self.call(bot, "getUpdates", &next).await {
                Ok(updates) => Vec::<Update>::deserialize(updates).unwrap_or_default(),
                Err(reason) => return Ok(Err(reason)),
            };
            let Some(update) = updates.first() else { break };
            if let Some(message) = &update.message {
                self.link(message, channels).await?;
            }
            // Confirms this one.
            next["offset"] = (update.update_id + 1).into();
        }
        Ok(Ok(()))
    }

    /// Keeps the chat of a message, if it holds the code of a channel.
    async fn link(&self, message: &Message, channels: &[UnlinkedChannel]) -> Result<(), Error> {
        let Some(code) = message.text.as_deref().and_then(start_code) else { return Ok(()) };
        let Some(channel) = channels.iter().find(|channel| channel.start_code == code) else { return Ok(()) };
        let mut chat = json!({ "chat_id": message.chat.id });
        if let Some(thread) = message.thread_id.filter(|_| message.is_in_topic) {
            chat["thread_id"] = thread.into();
        }
        let link = async |it: &mut _| telegram_chats::link(it, channel.id, code, chat.clone()).await;
        if self.query(link).await? {
            tracing::info!(channel = channel.id, "Telegram chat found");
        }
        Ok(())
    }

    /// Calls a method of the Bot API, and returns the result, or why there is none.
    async fn call(&self, bot: &Bot, method: &str, parameters: &Value) -> Result<Value, String> {
        match self.http.post(bot.request(method, parameters)).await {
            Ok(answer) => match Said::of(&answer) {
                Some(Said { ok: true, result, .. }) => Ok(result),
                // Another program asks the same bot, or has a webhook for it.
                _ if answer.status.as_u16() == 409 => Err(format!("{}: the bot is in use", answer.reason())),
                _ => Err(answer.reason()),
            },
            Err(Outcome::RetryLater { reason, .. } | Outcome::Unknown(reason) | Outcome::Denied(reason)) => {
                Err(reason)
            }
            Err(_) => Err("no answer".to_owned()),
        }
    }

    fn log(&self, failing: Vec<(i64, String)>) {
        let mut known = self.failing.lock().expect("the mutex is not poisoned");
        for (channel, reason) in failing.iter().filter(|failure| !known.contains(failure)) {
            tracing::warn!(channel, %reason, "the Telegram bot cannot be asked for its chats");
        }
        *known = failing;
    }

    async fn query<T>(
        &self,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, sqlx::Error> + Clone,
    ) -> Result<T, Error> {
        self.session.run(Instant::now() + STATEMENT_TIMEOUT, work).await
    }
}

/// Returns the code of `/start CODE`, which in groups is `/start@NAME CODE`.
fn start_code(text: &str) -> Option<&str> {
    let (command, code) = text.trim().split_once(' ')?;
    let is_start = command == "/start" || command.starts_with("/start@");
    is_start.then_some(code.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_from_the_command_alone() {
        assert_eq!(start_code("/start abc"), Some("abc"));
        assert_eq!(start_code("/start@heart_beat_bot  abc "), Some("abc"));
        for text in ["/start", "/startle abc", "abc", "start abc", ""] {
            assert_eq!(start_code(text), None, "{text}");
        }
    }
}
