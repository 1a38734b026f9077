//! Channels as the owner sees and changes them.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::{device::DeviceName, secret::Secret};

/// Maximum number of channels in the database.
pub const CHANNELS_MAX: i64 = 50;

/// Id of the channel that the configuration names (`webhook.url`). Those in the database count from 1.
pub const CONFIGURED_ID: i64 = 0;

/// Key of the Discord channel that the configuration owns (`webhook.url`).
pub const CONFIGURED_DISCORD: &str = "config:discord";

/// Settings that say nothing of where a channel's messages go. With other ones, the reader is the same.
pub const NO_ADDRESS: [&str; 4] = ["token", "secret", "secret_previous", "bot_name"];

/// Why a channel is disabled whose reader wants no more.
pub const UNSUBSCRIBED: &str = "unsubscribed";

/// Name of that channel.
pub const CONFIGURED_NAME: &str = "Discord";

/// Returns the key under which the events for a channel wait in the outbox.
#[must_use]
pub fn key(id: i64) -> String {
    if id == CONFIGURED_ID { CONFIGURED_DISCORD.to_owned() } else { format!("channel:{id}") }
}

/// Returns the hash of a channel's settings, by which the database knows whether they have changed. Their secrets are random: the
/// hash does not give them away.
#[must_use]
pub fn settings_hash(settings: &Value) -> Vec<u8> {
    Sha256::digest(settings.to_string()).to_vec()
}

/// Who reads what is sent to a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The owner, who sees everything.
    Owner,
    /// A friend of the owner's, who sees no more than strangers may.
    Friend,
}

impl Audience {
    /// Parses an audience, as the API and the database write it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Owner, Self::Friend].into_iter().find(|audience| audience.as_str() == name)
    }

    /// Returns its name, as the API and the database write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Friend => "friend",
        }
    }
}

/// Settings of a channel as its kind knows them, secrets included.
pub type ChannelSettings = Secret<Map<String, Value>>;

/// A channel to make.
#[derive(Debug)]
pub struct NewChannel {
    /// Name: like that of a device.
    pub name: DeviceName,
    /// Kind, such as `discord`.
    pub kind: String,
    /// Who reads it.
    pub audience: Audience,
    /// Settings that its kind accepts.
    pub settings: ChannelSettings,
    /// Kinds of events that it wants.
    pub events: Vec<String>,
}

/// A change to a channel; what is `None` stays as it is.
#[derive(Debug, Default)]
pub struct ChannelUpdate {
    /// New name.
    pub name: Option<DeviceName>,
    /// All settings, which its kind accepts. Other ones than before enable it again.
    pub settings: Option<ChannelSettings>,
    /// Kinds of events that it wants.
    pub events: Option<Vec<String>>,
    /// Telegram: the code by which its chat is found, if that is to be found anew.
    pub start_code: Option<String>,
    /// Enables it again, after its service or a friend wanted no more.
    pub enable: bool,
}

/// A channel as its owner sees it.
#[derive(Debug, Clone)]
pub struct OwnedChannel {
    /// Channel id.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Kind.
    pub kind: String,
    /// Who reads it.
    pub audience: Audience,
    /// Settings, secrets included.
    pub settings: ChannelSettings,
    /// How often it was given another address.
    pub address_version: i32,
    /// Kinds of events that it wants.
    pub events: Vec<String>,
    /// When the friend confirmed it.
    pub confirmed_at: Option<OffsetDateTime>,
    /// Telegram: the code by which its chat is found.
    pub start_code: Option<String>,
    /// Since when, and why, nothing is sent to it.
    pub disabled: Option<Failure>,
    /// When something last arrived.
    pub delivered_at: Option<OffsetDateTime>,
    /// The last failure, if nothing has arrived since.
    pub failing: Option<Failure>,
    /// Number of events that wait to be sent.
    pub waiting: i64,
    /// Number of dead letters: events that could not be sent, and can be sent again for a week.
    pub dead: i64,
}

/// When and why something failed. The reason holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// When.
    pub at: OffsetDateTime,
    /// Why, such as `status 404`.
    pub reason: String,
}

/// What can be said of a channel in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelState {
    /// Nothing is sent to it.
    Disabled,
    /// The last attempts failed.
    Failing,
    /// Telegram: the chat is not known yet.
    Unlinked,
    /// A friend's, who has not said that it reaches them.
    Unconfirmed,
    /// All is well.
    Active,
}

impl ChannelState {
    /// Returns its name, as the API writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Failing => "failing",
            Self::Unlinked => "unlinked",
            Self::Unconfirmed => "unconfirmed",
            Self::Active => "active",
        }
    }
}

impl OwnedChannel {
    /// Returns its state: the one that needs attention most.
    #[must_use]
    pub fn state(&self) -> ChannelState {
        if self.disabled.is_some() {
            ChannelState::Disabled
        } else if self.start_code.is_some() {
            ChannelState::Unlinked
        } else if self.failing.is_some() {
            ChannelState::Failing
        } else if self.audience == Audience::Friend && self.confirmed_at.is_none() {
            ChannelState::Unconfirmed
        } else {
            ChannelState::Active
        }
    }
}
