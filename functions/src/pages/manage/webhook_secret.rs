//! The secret that was just made for a webhook. It travels in a cookie from the answer to the form to the page that this
//! redirects to, which shows it once: a URL would be logged.

use axum::http::HeaderMap;
use time::Duration;

use crate::http::cookies::{CookieName, Transport};

/// For as long as it takes to follow a redirect, even one that is repeated after a network failed.
const MAX_AGE: Duration = Duration::minutes(10);

/// What a secret begins with, and what it consists of (Standard Webhooks, "Signature scheme").
const PREFIX: &str = "whsec_";

/// A secret and its channel.
pub(super) struct WebhookSecret {
    pub(super) channel: i64,
    pub(super) text: String,
}

impl WebhookSecret {
    /// Passes it on to the page of the channel.
    pub(super) fn set(&self, transport: Transport, headers: &mut HeaderMap) {
        let text = format!("{}.{}", self.channel, self.text);
        transport.set(headers, CookieName::WebhookSecret, &text, MAX_AGE);
    }

    /// Reads the one that was made for this channel. Another program of this host may have set the cookie.
    pub(super) fn read(transport: Transport, headers: &HeaderMap, channel: i64) -> Option<Self> {
        let (id, text) = transport.read(headers, CookieName::WebhookSecret)?.split_once('.')?;
        let digits = text.strip_prefix(PREFIX)?;
        let is_secret = digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
        (id.parse() == Ok(channel) && is_secret).then(|| Self { channel, text: text.to_owned() })
    }

    /// Has the browser forget it.
    pub(super) fn forget(transport: Transport, headers: &mut HeaderMap) {
        transport.remove(headers, CookieName::WebhookSecret);
    }
}
