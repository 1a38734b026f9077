//! Kinds of channels, as their forms show them.

use heartbeat_core::{channel::OwnedChannel, notify::settings};
use serde_json::{Map, Value};

use super::Form;

/// A kind of channel.
pub(super) struct Kind {
    /// As the API calls it.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// What it needs, in a sentence.
    pub(super) about: &'static str,
    pub(super) fields: &'static [Field],
}

/// A setting of a kind.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) hint: &'static str,
    pub(super) placeholder: &'static str,
    /// Whether it is never shown again.
    pub(super) is_secret: bool,
    pub(super) is_required: bool,
}

impl Field {
    const fn open(name: &'static str, label: &'static str, placeholder: &'static str) -> Self {
        Self { name, label, hint: "", placeholder, is_secret: false, is_required: false }
    }

    const fn secret(name: &'static str, label: &'static str, placeholder: &'static str) -> Self {
        Self { is_secret: true, ..Self::open(name, label, placeholder) }
    }

    const fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    const fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }
}

/// All kinds, the ones that most people have first.
pub(super) const KINDS: [Kind; 5] = [
    Kind {
        name: "mail",
        title: "Mail",
        about: "A mail to one address. The configuration names the server that sends it (mail.url, mail.from).",
        fields: &[Field::open("to", "Address", "anna@example.org").required()],
    },
    Kind {
        name: "discord",
        title: "Discord",
        about: "Messages in a channel of a Discord server: under “Edit channel”, “Integrations”, make a webhook, and copy its URL.",
        fields: &[Field::secret("url", "URL of the webhook", "https://discord.com/api/webhooks/…").required()],
    },
    Kind {
        name: "telegram",
        title: "Telegram",
        about: "Messages of a bot of yours: @BotFather makes one, and gives you its token.",
        fields: &[
            Field::secret("bot_token", "Token of the bot", "123456:ABC…").required(),
            Field::open("chat_id", "Id of the chat", "")
                .hint("Leave it empty: you get a link that finds it, for yourself or to pass on."),
            Field::open("thread_id", "Id of the topic", "").hint("Only in a group with topics."),
        ],
    },
    Kind {
        name: "ntfy",
        title: "ntfy",
        about: "Push messages of the app ntfy.",
        fields: &[
            Field::open("topic", "Topic", "")
                .required()
                .hint("Who knows it can read along, unless a token protects it."),
            Field::open("server", "Server", "https://ntfy.sh"),
            Field::secret("token", "Token", "tk_…").hint("Of an account that may write to the topic."),
        ],
    },
    Kind {
        name: "webhook",
        title: "Webhook",
        about: "Requests to a program of yours, signed as Standard Webhooks say.",
        fields: &[
            Field::secret("url", "URL", "https://…").required(),
            Field::secret("secret", "Secret", "whsec_…").hint("Leave it empty: one is made, and shown once."),
        ],
    },
];

/// Returns the kind that has this name.
pub(super) fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// Returns the title of a kind, or its name where a newer program knows it.
pub(super) fn title(name: &str) -> &str {
    find(name).map_or(name, |kind| kind.title)
}

/// A field with its value.
pub(super) struct Filled {
    pub(super) field: &'static Field,
    pub(super) value: String,
    /// Whether there is a secret, which stays unless another is typed.
    pub(super) is_kept: bool,
}

impl Kind {
    /// Returns the fields as typed, without secrets. `stored` is the channel that is changed.
    pub(super) fn filled(&'static self, stored: Option<&OwnedChannel>, typed: Option<&Form>) -> Vec<Filled> {
        let open = stored.map(settings::without_secrets).unwrap_or_default();
        let secrets = stored.map(settings::secrets).unwrap_or_default();
        let filled = |field: &'static Field| {
            let value = match typed {
                Some(form) => form.field(field.name).into_owned(),
                None => text(open.get(field.name)),
            };
            let value = if field.is_secret { String::new() } else { value };
            Filled { field, value, is_kept: secrets.contains(&field.name) }
        };
        self.fields.iter().map(filled).collect()
    }

    /// Returns the settings that a form changes: `null` takes one away. A secret that is left empty stays.
    pub(super) fn changes(&self, form: &Form) -> Map<String, Value> {
        let change = |field: &Field| {
            let typed = form.field(field.name).trim().to_owned();
            let value = match (typed.is_empty(), field.is_secret) {
                (true, true) => return None,
                (true, false) => Value::Null,
                (false, _) => typed.into(),
            };
            Some((field.name.to_owned(), value))
        };
        self.fields.iter().filter_map(change).collect()
    }
}

/// Returns a setting as a field shows it.
fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_that_is_left_empty_stays() {
        let kind = find("ntfy").expect("a kind");
        let form = Form(Bytes::from_static(b"topic=+anna+&server=&token="));
        assert_eq!(Value::Object(kind.changes(&form)), json!({ "topic": "anna", "server": null }));
    }

    #[test]
    fn every_field_is_a_setting_of_its_kind_with_the_same_secrecy() {
        for kind in KINDS {
            let Some(known) = heartbeat_core::notify::channels::kind(kind.name) else { continue };
            for field in kind.fields {
                let setting = known.settings.iter().find(|setting| setting.name == field.name);
                assert_eq!(
                    setting.map(|it| it.is_secret),
                    Some(field.is_secret),
                    "{} {}",
                    kind.name,
                    field.name
                );
            }
        }
    }
}
