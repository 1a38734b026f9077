//! The list of kinds of channels, and making channels from settings.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    channel::{Channel, ChannelKind, Site},
    discord,
    subscriptions::CONFIGURED_DISCORD,
    webhook,
};
use crate::Config;

/// Every kind of channel.
const KINDS: [&ChannelKind; 2] = [&discord::KIND, &webhook::KIND];

/// A channel and the key under which its events wait in the outbox.
#[derive(Debug, Clone)]
pub struct KeyedChannel {
    /// Key of the channel.
    pub key: String,
    /// The channel.
    pub channel: Arc<dyn Channel>,
}

/// Makes the channels that the configuration names.
#[must_use]
pub fn configured(config: &Config) -> Vec<KeyedChannel> {
    let site = Site { live_url: config.live_url.clone() };
    let discord = config.webhook_url.as_ref().map(|url| json!({ "url": url.expose().as_str() }));
    let discord = discord.and_then(|settings| (discord::KIND.make)(&settings, &site).ok());
    let keyed = |channel: Box<dyn Channel>| KeyedChannel {
        key: CONFIGURED_DISCORD.to_owned(),
        channel: Arc::from(channel),
    };
    discord.map(keyed).into_iter().collect()
}

/// Makes a channel of the kind called `kind`; `None` if this program does not know it. The error says what is
/// wrong with the settings.
pub(super) fn make(kind: &str, settings: &Value, site: &Site) -> Option<Result<Box<dyn Channel>, String>> {
    let kind = KINDS.iter().find(|known| known.name == kind)?;
    Some((kind.make)(settings, site))
}
