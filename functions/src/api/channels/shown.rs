//! Channels as the API shows them.

use heartbeat_core::{
    channel::{Failure, OwnedChannel},
    notify::settings,
    secret::Secret,
};
use serde::Serialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use utoipa::ToSchema;

/// All channels of the server.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChannelList {
    /// Ordered by id.
    pub(super) channels: Vec<Channel>,
}

/// A channel as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Channel {
    /// Channel id; 0 is the one that the configuration names.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64, example = 1)]
    pub(crate) id: i64,
    /// Name.
    #[schema(example = "Anna")]
    name: String,
    /// Kind: `discord`, `ntfy`, `webhook`, `mail` or `telegram`.
    #[schema(example = "ntfy")]
    kind: String,
    /// Who reads it.
    #[schema(value_type = ChannelAudience)]
    audience: &'static str,
    /// Settings of its kind, without secrets.
    #[schema(value_type = Object, example = json!({ "server": "https://ntfy.sh", "topic": "anna-b7d1" }))]
    settings: Map<String, Value>,
    /// Names of the secrets among its settings, which are never answered.
    #[schema(value_type = Vec<String>, example = json!(["token"]))]
    secrets: Vec<&'static str>,
    /// Kinds of events that it wants. It gets those of the alerts that name it in any case.
    #[schema(example = json!(["device.added"]))]
    events: Vec<String>,
    /// Its state: the one that needs attention most.
    #[schema(value_type = ChannelState)]
    state: &'static str,
    /// When the friend confirmed that it reaches them.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, required, example = "2026-11-24T07:12:09.5Z")]
    confirmed_at: Option<OffsetDateTime>,
    /// Why nothing is sent to it any more; `null` unless it is disabled.
    #[schema(required)]
    disabled: Option<ChannelFailure>,
    /// Why the last attempts failed; `null` if something arrived since.
    #[schema(required)]
    failing: Option<ChannelFailure>,
    /// When something last arrived.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, required, example = "2026-11-26T20:05:00.123456Z")]
    delivered_at: Option<OffsetDateTime>,
    /// Number of events that wait to be sent.
    #[schema(minimum = 0, example = 0)]
    waiting: i64,
    /// Number of events that could not be sent, and can be sent again for a week.
    #[schema(minimum = 0, example = 0)]
    dead: i64,
    /// Telegram: the code to send to the bot, as `/start CODE`, in the chat that it is to write to.
    #[schema(required)]
    start_code: Option<String>,
    /// Telegram: a link that does that, once the bot has told its name.
    #[schema(required)]
    start_link: Option<String>,
}

/// When and why something failed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChannelFailure {
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-24T07:12:09.5Z")]
    at: OffsetDateTime,
    /// Why.
    #[schema(example = "status 404")]
    reason: String,
}

impl From<Failure> for ChannelFailure {
    fn from(failure: Failure) -> Self {
        Self { at: failure.at, reason: failure.reason }
    }
}

impl From<OwnedChannel> for Channel {
    fn from(channel: OwnedChannel) -> Self {
        Self {
            settings: settings::without_secrets(&channel),
            secrets: settings::secrets(&channel),
            state: channel.state().as_str(),
            start_link: settings::start_link(&channel),
            id: channel.id,
            name: channel.name,
            kind: channel.kind,
            audience: channel.audience.as_str(),
            events: channel.events,
            confirmed_at: channel.confirmed_at,
            disabled: channel.disabled.map(ChannelFailure::from),
            failing: channel.failing.map(ChannelFailure::from),
            delivered_at: channel.delivered_at,
            waiting: channel.waiting,
            dead: channel.dead,
            start_code: channel.start_code,
        }
    }
}

/// A channel, with the secret that was generated for it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChannelWithSecret {
    #[serde(flatten)]
    channel: Channel,
    /// Secret of a webhook, if it was generated. Store it now: it is not shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^whsec_[A-Za-z0-9+/]{43}=$")]
    secret: Option<String>,
}

impl ChannelWithSecret {
    pub(crate) fn new(channel: OwnedChannel, secret: Option<Secret<String>>) -> Self {
        Self { channel: channel.into(), secret: secret.map(|secret| secret.expose().clone()) }
    }
}

/// Who reads a channel: `owner`, who sees everything, or `friend`, who is told no more than strangers may see.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "the core parses and writes it")]
pub(crate) enum ChannelAudience {
    Owner,
    Friend,
}

/// State of a channel: `disabled`, nothing is sent to it; `failing`, the last attempts failed; `unlinked`, its chat is not known
/// yet; `unconfirmed`, the friend has not said that it reaches them; `active`.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "the core writes it")]
pub(crate) enum ChannelState {
    Disabled,
    Failing,
    Unlinked,
    Unconfirmed,
    Active,
}
