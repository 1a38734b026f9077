//! The list of kinds of channels, and making channels from settings.

use std::{collections::HashMap, sync::Arc};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    channel::{Channel, ChannelKind, Site},
    discord, webhook,
};
use crate::{Config, channel::CONFIGURED_DISCORD, database::channels::StoredChannel, secret::Secret};

/// Every kind of channel.
const KINDS: [&ChannelKind; 2] = [&discord::KIND, &webhook::KIND];

/// A channel and the key under which its events wait in the outbox.
#[derive(Debug, Clone)]
pub struct KeyedChannel {
    /// Key of the channel.
    pub key: String,
    /// SHA-256 of its settings, by which the database knows whether they have changed. Their secrets are random:
    /// the hash does not give them away.
    pub settings_hash: Vec<u8>,
    /// The channel.
    pub channel: Arc<dyn Channel>,
}

/// The channels that exist: those that the configuration names, and those in the database, which may change.
#[derive(Debug)]
pub struct Channels {
    configured: Vec<KeyedChannel>,
    site: Site,
    /// Channels made of rows of the database, with the settings they were made of. `None`: of a kind that this
    /// program does not know, or with settings that cannot work.
    stored: HashMap<String, (Secret<Value>, Option<KeyedChannel>)>,
}

impl Channels {
    /// Returns the channels that the configuration names.
    #[must_use]
    pub fn configured(config: &Config) -> Self {
        let site = Site { live_url: config.live_url.clone() };
        let discord = config.webhook_url.as_ref().map(|url| json!({ "url": url.expose().as_str() }));
        let keyed = discord.and_then(|settings| {
            let channel = (discord::KIND.make)(&settings, &site).ok()?;
            Some(KeyedChannel::new(CONFIGURED_DISCORD, &settings, channel))
        });
        Self { configured: keyed.into_iter().collect(), site, stored: HashMap::new() }
    }

    /// Returns all channels, given the rows of the database. A channel is made once, and again when its settings
    /// change.
    pub(super) fn current(&mut self, rows: Vec<StoredChannel>) -> Vec<KeyedChannel> {
        self.stored.retain(|key, _| rows.iter().any(|row| row.key == *key));
        let mut channels = self.configured.clone();
        channels.extend(rows.into_iter().filter_map(|row| self.channel(row)));
        channels
    }

    fn channel(&mut self, row: StoredChannel) -> Option<KeyedChannel> {
        let StoredChannel { key, kind, settings } = row;
        if let Some((_, channel)) = self.stored.get(&key).filter(|(made_of, _)| *made_of == settings) {
            return channel.clone();
        }
        let channel = match make(&kind, settings.expose(), &self.site) {
            Some(Ok(channel)) => Some(KeyedChannel::new(&key, settings.expose(), channel)),
            Some(Err(problem)) => {
                tracing::error!(channel = %key, %kind, %problem, "channel settings");
                None
            }
            None => None,
        };
        self.stored.insert(key, (settings, channel.clone()));
        channel
    }
}

impl KeyedChannel {
    fn new(key: &str, settings: &Value, channel: Box<dyn Channel>) -> Self {
        Self { key: key.to_owned(), settings_hash: settings_hash(settings), channel: Arc::from(channel) }
    }
}

/// Returns the SHA-256 of the settings of a channel, see [`KeyedChannel::settings_hash`].
pub(crate) fn settings_hash(settings: &Value) -> Vec<u8> {
    Sha256::digest(settings.to_string()).to_vec()
}

/// Makes a channel of the kind called `kind`; `None` if this program does not know it. The error says what is
/// wrong with the settings.
fn make(kind: &str, settings: &Value, site: &Site) -> Option<Result<Box<dyn Channel>, String>> {
    let kind = KINDS.iter().find(|known| known.name == kind)?;
    Some((kind.make)(settings, site))
}
