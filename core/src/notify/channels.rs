//! The list of kinds of channels, and making channels from settings.

use std::{collections::HashMap, sync::Arc};

use serde_json::{Value, json};

use super::{
    channel::{Channel, ChannelKind},
    discord, mail, ntfy,
    site::Site,
    telegram, webhook,
};
use crate::{
    Config,
    channel::{self, Audience, CONFIGURED_ID, CONFIGURED_NAME},
    database::channels::StoredChannel,
    secret::Secret,
};

/// Every kind of channel.
const KINDS: [&ChannelKind; 5] = [&discord::KIND, &mail::KIND, &ntfy::KIND, &telegram::KIND, &webhook::KIND];

/// A channel, with what the dispatcher needs to know of it.
#[derive(Debug, Clone)]
pub struct KeyedChannel {
    /// Key under which its events wait in the outbox.
    pub key: String,
    /// Channel id.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Who reads it.
    pub audience: Audience,
    /// Whether its reader has said that it reaches them; always so for the owner.
    pub is_confirmed: bool,
    /// Version of its address.
    pub address_version: i32,
    /// Hash of its settings.
    pub settings_hash: Vec<u8>,
    /// The channel.
    pub channel: Arc<dyn Channel>,
}

/// The channels that exist: those that the configuration names, and those in the database, which may change.
#[derive(Debug)]
pub struct Channels {
    configured: Vec<KeyedChannel>,
    site: Site,
    /// Channels made of rows of the database, by id.
    stored: HashMap<i64, Made>,
}

/// A channel, and the settings that it was made of.
#[derive(Debug)]
struct Made {
    settings: Secret<Value>,
    /// `None`: of a kind that this program does not know, or with settings that cannot work here.
    channel: Option<Arc<dyn Channel>>,
    /// What is wrong with the settings, without a secret.
    problem: Option<String>,
}

impl Channels {
    /// Returns the channels that the configuration names.
    #[must_use]
    pub fn configured(config: &Config, site: Site) -> Self {
        let discord = config.webhook_url.as_ref().map(|url| json!({ "url": url.expose().as_str() }));
        let keyed = discord.and_then(|settings| {
            let made = (discord::KIND.make)(&settings, &site);
            let channel = made.inspect_err(|problem| tracing::error!(%problem, "webhook.url")).ok()?;
            Some(KeyedChannel {
                key: channel::key(CONFIGURED_ID),
                id: CONFIGURED_ID,
                name: CONFIGURED_NAME.to_owned(),
                audience: Audience::Owner,
                is_confirmed: true,
                address_version: 0,
                settings_hash: channel::settings_hash(&settings),
                channel: channel.into(),
            })
        });
        Self { configured: keyed.into_iter().collect(), site, stored: HashMap::new() }
    }

    /// Returns all channels, given the rows of the database. A channel is made once, and again when its settings
    /// change.
    pub(super) fn current(&mut self, rows: Vec<StoredChannel>) -> Vec<KeyedChannel> {
        self.stored.retain(|id, _| rows.iter().any(|row| row.id == *id));
        let mut channels = self.configured.clone();
        channels.extend(rows.into_iter().filter_map(|row| {
            Some(KeyedChannel {
                key: channel::key(row.id),
                id: row.id,
                name: row.name.clone(),
                audience: row.audience,
                is_confirmed: row.is_confirmed,
                address_version: row.address_version,
                settings_hash: channel::settings_hash(row.settings.expose()),
                channel: self.channel(row)?,
            })
        }));
        channels
    }

    fn channel(&mut self, row: StoredChannel) -> Option<Arc<dyn Channel>> {
        let StoredChannel { id, kind, settings, .. } = row;
        if let Some(made) = self.stored.get(&id).filter(|made| made.settings == settings) {
            return made.channel.clone();
        }
        let (channel, problem) = match make(&kind, settings.expose(), &self.site) {
            Some(Ok(channel)) => (Some(Arc::from(channel)), None),
            Some(Err(problem)) => {
                tracing::error!(channel = id, %kind, %problem, "channel settings");
                (None, Some(problem))
            }
            None => (None, None),
        };
        self.stored.insert(id, Made { settings, channel: channel.clone(), problem });
        channel
    }

    /// Returns the keys of channels whose settings cannot work here, as those of mail without a server, and what is wrong with
    /// each.
    pub(super) fn unusable(&self) -> (Vec<String>, Vec<String>) {
        let unusable = self.stored.iter().filter_map(|(id, made)| Some((*id, made.problem.clone()?)));
        unusable.map(|(id, problem)| (channel::key(id), problem)).unzip()
    }
}

/// Returns the kind of channel that has this name; `None` if this program does not know it.
#[must_use]
pub fn kind(name: &str) -> Option<&'static ChannelKind> {
    KINDS.into_iter().find(|kind| kind.name == name)
}

/// Checks whether a channel of the kind called `name` can be made from these settings. Fails with what is wrong, without
/// a secret.
pub fn validate(name: &str, settings: &Value, site: &Site) -> Result<(), String> {
    let names = || KINDS.map(|kind| kind.name).join(", ");
    let kind = kind(name).ok_or_else(|| format!("kind: expected one of {}", names()))?;
    let unknown = settings.as_object().into_iter().flatten().map(|(name, _)| name);
    let mut unknown = unknown.filter(|name| kind.settings.iter().all(|known| known.name != name.as_str()));
    if unknown.next().is_some() {
        let known: Vec<_> = kind.settings.iter().map(|setting| setting.name).collect();
        return Err(format!("settings: expected {} and nothing else", known.join(", ")));
    }
    (kind.make)(settings, site).map(drop)
}

fn make(name: &str, settings: &Value, site: &Site) -> Option<Result<Box<dyn Channel>, String>> {
    Some((kind(name)?.make)(settings, site))
}
