//! Channels: values made from settings that turn events into messages.

use std::fmt;

use futures_util::future::BoxFuture;
use serde_json::Value;
use url::Url;

use super::{event::Event, guard, http::Http, outcome::Outcome, site::Site, wording::Reader};
use crate::secret::Secret;

/// A destination of notifications.
pub trait Channel: fmt::Debug + Send + Sync {
    /// Events that one message holds at most.
    fn max_events(&self) -> usize;

    /// Makes one attempt to deliver these events: at least one, at most [`max_events`](Self::max_events), in the order in
    /// which they happened, for a friend [as strangers may know them](Event::for_strangers). It may be given up after
    /// [`SEND_TIMEOUT`](super::http::SEND_TIMEOUT).
    fn send<'a>(
        &'a self,
        events: &'a [Event],
        reader: &'a Reader<'a>,
        http: &'a Http,
    ) -> BoxFuture<'a, Outcome>;
}

/// A kind of channel.
#[derive(Debug)]
pub struct ChannelKind {
    /// Its name, as in the database.
    pub name: &'static str,
    /// The settings that it knows.
    pub settings: &'static [Setting],
    /// Its constructor.
    pub make: MakeChannel,
}

/// A setting of a kind of channel.
#[derive(Debug)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// Whether it is written and never answered.
    pub is_secret: bool,
}

impl Setting {
    /// A setting that its owner may read again.
    #[must_use]
    pub const fn open(name: &'static str) -> Self {
        Self { name, is_secret: false }
    }

    /// A setting that is never answered.
    #[must_use]
    pub const fn secret(name: &'static str) -> Self {
        Self { name, is_secret: true }
    }
}

/// Makes a channel from its settings. The error says what is wrong with them, and holds no secret.
pub type MakeChannel = fn(&Value, &Site) -> Result<Box<dyn Channel>, String>;

/// Reads the setting called `name`, which must be an `http` or `https` URL of a server that channels may point to.
pub(super) fn url_setting(settings: &Value, name: &str, site: &Site) -> Result<Secret<Url>, String> {
    let url = text_setting(settings, name).and_then(|text| Url::parse(text).ok());
    let url = url
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| format!("{name}: expected a URL that starts with http:// or https://"))?;
    guard::check(&url, site.runtime).map_err(|forbidden| format!("{name}: {forbidden}"))?;
    Ok(Secret::new(url))
}

/// Reads the setting called `name`; `None` if it is missing, or no text.
pub(super) fn text_setting<'a>(settings: &'a Value, name: &str) -> Option<&'a str> {
    settings.get(name).and_then(Value::as_str)
}
