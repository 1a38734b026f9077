//! Discord: messages with embeds, through a webhook.
//!
//! - [`body`]: the messages.
//!
//! Source: Discord's developer documentation, "Webhook Resource", "Message Resource" (embeds, allowed
//! mentions), "Rate Limits" and "Message Formatting" (timestamps).

mod body;

use futures_util::future::BoxFuture;
use serde_json::Value;
use url::Url;

use self::body::{Body, MAX_EMBEDS};
use super::{
    channel::{Channel, ChannelKind, Setting, url_setting},
    event::Event,
    http::{Http, Message},
    outcome::Outcome,
    site::Site,
    wording::Reader,
};
use crate::secret::Secret;

/// Statuses for a webhook or a thread that does not exist (any more). Discord forbids to try again.
const GONE: [u16; 2] = [404, 410];

/// The kind `discord`, with the setting `url`: that of a webhook, which allows to write to its channel.
pub(super) const KIND: ChannelKind =
    ChannelKind { name: "discord", settings: &[Setting::secret("url")], make };

#[derive(Debug)]
struct Discord {
    url: Secret<Url>,
}

fn make(settings: &Value, site: &Site) -> Result<Box<dyn Channel>, String> {
    let url = waiting(url_setting(settings, "url", site)?.expose());
    Ok(Box::new(Discord { url: Secret::new(url) }))
}

/// Adds `wait=true` to the URL of a webhook, which may have parameters such as `thread_id`. Without it, Discord
/// answers before it knows whether it can keep the message.
fn waiting(webhook: &Url) -> Url {
    let mut url = webhook.clone();
    let others = webhook.query_pairs().filter(|(name, _)| name != "wait");
    url.query_pairs_mut().clear().extend_pairs(others).append_pair("wait", "true");
    url
}

impl Channel for Discord {
    fn max_events(&self) -> usize {
        MAX_EMBEDS
    }

    fn send<'a>(
        &'a self,
        events: &'a [Event],
        reader: &'a Reader<'a>,
        http: &'a Http,
    ) -> BoxFuture<'a, Outcome> {
        let body = serde_json::to_vec(&Body::new(events, reader)).expect("text is JSON");
        let message = Message { url: self.url.clone(), headers: Vec::new(), body };
        Box::pin(http.deliver(message, &GONE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_asks_discord_to_wait_and_keeps_its_other_parameters() {
        for (url, expected) in [
            ("https://discord.com/api/webhooks/1/x", "?wait=true"),
            ("https://discord.com/api/webhooks/1/x?thread_id=7", "?thread_id=7&wait=true"),
            ("https://discord.com/api/webhooks/1/x?wait=false&thread_id=7", "?thread_id=7&wait=true"),
        ] {
            let url = waiting(&Url::parse(url).expect("a URL"));
            assert_eq!(url.as_str(), format!("https://discord.com/api/webhooks/1/x{expected}"));
        }
    }
}
