//! Channels: values made from settings that turn events into messages.

use std::{fmt, time::Duration};

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use url::Url;

use super::{event::Event, http::Http, site::Site, wording::Reader};
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

/// Outcome of an attempt to deliver. Reasons are for the log, and hold no secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The events were delivered; the service wants this delay before the next message.
    Delivered(Duration),
    /// They were not, for a reason that may pass.
    RetryLater {
        /// Why.
        reason: String,
        /// When the service wants to be asked again, if it said so.
        retry_after: Option<Duration>,
    },
    /// They were not: the service takes no more for so long, perhaps until the next day.
    OutOfQuota {
        /// Why.
        reason: String,
        /// When it will take some again.
        retry_after: Duration,
    },
    /// They were not: the service wants these settings from now on, which are to be kept.
    Moved(Map<String, Value>),
    /// The service does not let us in, which its owner or ours may change. To be retried rarely.
    Denied(String),
    /// The service will never take these events, or one of them.
    Refused(String),
    /// The service will never take anything again.
    Gone(String),
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

/// Reads the setting called `name`, which must be an `http` or `https` URL.
pub(super) fn url_setting(settings: &Value, name: &str) -> Result<Secret<Url>, String> {
    let url = settings.get(name).and_then(Value::as_str).and_then(|text| Url::parse(text).ok());
    url.filter(|url| matches!(url.scheme(), "http" | "https"))
        .map(Secret::new)
        .ok_or_else(|| format!("{name}: expected a URL that starts with http:// or https://"))
}
