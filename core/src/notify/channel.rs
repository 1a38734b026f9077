//! Channels: values made from settings that turn events into messages.

use std::{fmt, time::Duration};

use serde_json::Value;
use time::OffsetDateTime;
use url::Url;

use super::event::Event;
use crate::secret::Secret;

/// A message over HTTP: a `POST` with a JSON body.
#[derive(Debug)]
pub struct Message {
    /// URL to post to; often the secret that allows to write there.
    pub url: Secret<Url>,
    /// Headers besides the content type.
    pub headers: Vec<(&'static str, String)>,
    /// The body, as JSON.
    pub body: Vec<u8>,
    /// Statuses by which this service says that it will never take anything again.
    pub gone: &'static [u16],
}

/// A destination of notifications.
pub trait Channel: fmt::Debug + Send + Sync {
    /// Events that one message holds at most.
    fn max_events(&self) -> usize;

    /// Makes the message of an attempt at `now` to deliver these events: at least one, at most
    /// [`max_events`](Self::max_events), in the order in which they happened.
    fn message(&self, events: &[Event], now: OffsetDateTime) -> Message;
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
    /// The service does not let us in, which its owner or ours may change. To be retried rarely.
    Denied(String),
    /// The service will never take these events, or one of them.
    Refused(String),
    /// The service will never take anything again.
    Gone(String),
}

/// Facts about this server that channels of all kinds need.
#[derive(Debug, Clone)]
pub struct Site {
    /// `live_url`: where the world finds this server.
    pub live_url: Url,
}

/// A kind of channel.
#[derive(Debug)]
pub struct ChannelKind {
    /// Its name, as in the database.
    pub name: &'static str,
    /// Its constructor.
    pub make: MakeChannel,
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
