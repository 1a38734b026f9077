//! Settings of channels, as their owner writes and reads them.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use rand::CryptoRng;
use serde_json::{Map, Value};

use super::{
    channels::{self, kind},
    site::Site,
    webhook::SECRET_PREFIX,
};
use crate::{
    channel::{ChannelSettings, OwnedChannel},
    secret::Secret,
};

/// Random bytes in the secret of a webhook (Standard Webhooks, "Signature scheme": 24 to 64).
const SECRET_BYTES: usize = 32;

/// Random bytes in a start code: 128 bits. Telegram allows 64 characters (Telegram's "Bot features", "Deep linking").
const START_CODE_BYTES: usize = 16;

/// Settings of Telegram that are numbers. Forms hold them as text, and the same address has to be the same value.
const TELEGRAM_NUMBERS: [&str; 2] = ["chat_id", "thread_id"];

/// Settings that say which bot of Telegram is meant.
const TELEGRAM_BOT: [&str; 2] = ["bot_token", "server"];

/// Settings that a channel can be made of.
#[derive(Debug)]
pub struct CompleteSettings {
    /// All settings.
    pub settings: ChannelSettings,
    /// The secret that was generated, to be shown once.
    pub secret: Option<Secret<String>>,
    /// Telegram: the code by which the chat is found, as none is named.
    pub start_code: Option<String>,
}

/// Completes the settings of a channel of the kind called `kind` with what the owner may leave out: the secret of a webhook,
/// and the chat of a Telegram bot. Fails with what is wrong with them, without a secret.
pub fn complete(
    kind: &str,
    mut settings: Map<String, Value>,
    site: &Site,
    rng: &mut impl CryptoRng,
) -> Result<CompleteSettings, String> {
    let secret = (kind == "webhook" && !settings.contains_key("secret")).then(|| {
        let secret = format!("{SECRET_PREFIX}{}", BASE64_STANDARD.encode(random::<SECRET_BYTES>(rng)));
        settings.insert("secret".to_owned(), secret.clone().into());
        Secret::new(secret)
    });
    let start_code = (kind == "telegram" && !settings.contains_key("chat_id"))
        .then(|| BASE64_URL_SAFE_NO_PAD.encode(random::<START_CODE_BYTES>(rng)));
    if kind == "telegram" {
        for name in TELEGRAM_NUMBERS {
            let number = settings.get(name).and_then(Value::as_str).and_then(|text| text.parse::<i64>().ok());
            if let Some(number) = number {
                settings.insert(name.to_owned(), number.into());
            }
        }
    }
    let settings = Value::Object(settings);
    channels::validate(kind, &settings, site)?;
    let Value::Object(settings) = settings else { unreachable!("it was made as an object") };
    Ok(CompleteSettings { settings: Secret::new(settings), secret, start_code })
}

/// Returns the settings of a channel with these changes: `null` takes a setting away. With another bot, the name of the former
/// one goes as well.
#[must_use]
pub fn merge(stored: &ChannelSettings, changes: Map<String, Value>) -> Map<String, Value> {
    let mut settings = stored.expose().clone();
    for (name, value) in changes {
        match value {
            Value::Null => settings.remove(&name),
            value => settings.insert(name, value),
        };
    }
    if TELEGRAM_BOT.iter().any(|name| settings.get(*name) != stored.expose().get(*name))
        && settings.get("bot_name") == stored.expose().get("bot_name")
    {
        settings.remove("bot_name");
    }
    settings
}

/// Returns the settings of a channel that its owner may read again.
#[must_use]
pub fn without_secrets(channel: &OwnedChannel) -> Map<String, Value> {
    let names = names(channel, false);
    let settings = channel.settings.expose().iter().filter(|(name, _)| names.contains(&name.as_str()));
    settings.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Returns the names of the secrets that a channel has.
#[must_use]
pub fn secrets(channel: &OwnedChannel) -> Vec<&'static str> {
    let names = names(channel, true);
    names.into_iter().filter(|name| channel.settings.expose().contains_key(*name)).collect()
}

/// Returns the link that opens the chat with a Telegram bot and sends it the start code; `None` if the chat is known, or the
/// name of the bot is not yet.
///
/// Source: Telegram's documentation of bots, "Deep linking".
#[must_use]
pub fn start_link(channel: &OwnedChannel) -> Option<String> {
    let bot = channel.settings.expose().get("bot_name")?.as_str()?;
    Some(format!("https://t.me/{bot}?start={}", channel.start_code.as_ref()?))
}

/// Returns the names of the settings of the channel's kind that are secrets, or are not.
fn names(channel: &OwnedChannel, are_secrets: bool) -> Vec<&'static str> {
    let settings = kind(&channel.kind).map_or(&[][..], |kind| kind.settings);
    settings.iter().filter(|setting| setting.is_secret == are_secrets).map(|setting| setting.name).collect()
}

fn random<const N: usize>(rng: &mut impl CryptoRng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use rand::{rand_core::UnwrapErr, rngs::SysRng};
    use serde_json::json;

    use super::*;

    const BOT: &str = "123456789:AAFfffffffffffffffffffffffffffff";

    fn members(settings: &Value) -> Map<String, Value> {
        settings.as_object().cloned().expect("an object")
    }

    #[test]
    fn a_chat_is_the_same_as_a_number_and_as_the_text_that_forms_hold() {
        let of = |chat: Value, thread: Value| {
            let settings = members(&json!({ "bot_token": BOT, "chat_id": chat, "thread_id": thread }));
            let complete = complete("telegram", settings, &Site::example(), &mut UnwrapErr(SysRng));
            complete.expect("settings").settings
        };
        assert_eq!(of(json!("-42"), json!("5")), of(json!(-42), json!(5)));
        assert_eq!(of(json!("@channel"), json!(5)).expose()["chat_id"], "@channel");
    }

    #[test]
    fn with_another_bot_the_name_of_the_former_one_goes() {
        let stored = Secret::new(members(&json!({ "bot_token": BOT, "bot_name": "one_bot" })));
        let merged = |changes: &Value| merge(&stored, members(changes)).get("bot_name").cloned();
        assert_eq!(merged(&json!({ "bot_token": BOT, "chat_id": 7 })), Some(json!("one_bot")));
        assert_eq!(merged(&json!({ "bot_token": "1:another" })), None);
        assert_eq!(merged(&json!({ "server": "https://bots.example.org" })), None);
        let both = json!({ "bot_token": "1:another", "bot_name": "other_bot" });
        assert_eq!(merged(&both), Some(json!("other_bot")));
    }
}
