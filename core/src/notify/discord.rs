//! Discord: messages with embeds, through a webhook.
//!
//! Source: Discord's developer documentation, "Webhook Resource", "Message Resource" (embeds, allowed
//! mentions), "Rate Limits" and "Message Formatting" (timestamps).

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::Value;
use url::Url;

use super::{
    channel::{Channel, ChannelKind, Outcome, Setting, url_setting},
    event::{EndedAbsence, Event, EventKind},
    http::{Http, Message},
    site::Site,
    wording::Reader,
};
use crate::{device::UNNAMED, humanize, secret::Secret};

/// Embeds that one message holds at most.
const MAX_EMBEDS: usize = 10;

/// Statuses for a webhook or a thread that does not exist (any more). Discord forbids to try again.
const GONE: [u16; 2] = [404, 410];

/// The kind `discord`, with the setting `url`: that of a webhook, which allows to write to its channel.
pub(super) const KIND: ChannelKind =
    ChannelKind { name: "discord", settings: &[Setting::secret("url")], make };

#[derive(Debug)]
struct Discord {
    url: Secret<Url>,
    /// URL of this server, which messages link to.
    live_url: Url,
}

fn make(settings: &Value, site: &Site) -> Result<Box<dyn Channel>, String> {
    let url = waiting(url_setting(settings, "url")?.expose());
    Ok(Box::new(Discord { url: Secret::new(url), live_url: site.live_url.clone() }))
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

    fn send<'a>(&'a self, events: &'a [Event], _: &'a Reader<'a>, http: &'a Http) -> BoxFuture<'a, Outcome> {
        let body = serde_json::to_vec(&Body::new(events, &self.live_url)).expect("text is JSON");
        let message = Message { url: self.url.clone(), headers: Vec::new(), body };
        Box::pin(http.deliver(message, &GONE))
    }
}

#[derive(Debug, Serialize)]
struct Body<'a> {
    username: &'a str,
    avatar_url: String,
    embeds: Vec<Embed<'a>>,
    allowed_mentions: AllowedMentions,
}

#[derive(Debug, Serialize)]
struct Embed<'a> {
    title: &'a str,
    description: String,
    color: u32,
    author: Author<'a>,
}

#[derive(Debug, Serialize)]
struct Author<'a> {
    name: &'a str,
    url: &'a str,
    icon_url: String,
}

/// Mentions in names notify no one.
#[derive(Debug, Serialize)]
struct AllowedMentions {
    parse: [&'static str; 0],
}

impl<'a> Body<'a> {
    fn new(events: &[Event], live_url: &'a Url) -> Self {
        Self {
            username: "Heartbeat",
            avatar_url: icon(live_url),
            embeds: events.iter().map(|event| Embed::new(event, live_url)).collect(),
            allowed_mentions: AllowedMentions { parse: [] },
        }
    }
}

impl<'a> Embed<'a> {
    fn new(event: &Event, live_url: &'a Url) -> Self {
        let name = event.device.as_ref().and_then(|device| device.name.as_deref());
        let name = name.map_or(UNNAMED.to_owned(), plain);
        let at = event.happened_at.unix_timestamp();
        let (title, description, color) = match &event.kind {
            EventKind::Beat => {
                ("Heartbeat", format!("**{name}** beat on <t:{at}:D> at <t:{at}:T>."), 0x00e5_484d)
            }
            EventKind::DeviceAdded => {
                ("New device", format!("**{name}** was added on <t:{at}:D> at <t:{at}:T>."), 0x003b_82f6)
            }
            EventKind::AbsenceEnded(EndedAbsence { started_at }) => {
                let length = humanize::duration((event.happened_at - *started_at).whole_seconds());
                let since = started_at.unix_timestamp();
                let span = format!("from <t:{since}:D> <t:{since}:T> to <t:{at}:D> <t:{at}:T>");
                ("Absence ended", format!("**{name}** ended an absence of {length}, {span}."), 0x0016_a34a)
            }
            kind => (kind.name(), name, 0x0064_748b),
        };
        let author = Author {
            name: live_url.host_str().unwrap_or_default(),
            url: live_url.as_str(),
            icon_url: icon(live_url),
        };
        Self { title, description, color, author }
    }
}

fn icon(live_url: &Url) -> String {
    format!("{}/assets/icon-512.png", live_url.as_str().trim_end_matches('/'))
}

/// Escapes text for Discord, which shows any sign behind a backslash as it is.
fn plain(text: &str) -> String {
    let escaped = |c: char| c.is_ascii_punctuation().then_some('\\').into_iter().chain([c]);
    text.chars().flat_map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::notify::event::EventDevice;

    fn message(kind: EventKind, device: Option<&str>) -> String {
        let event = Event {
            id: 1,
            kind,
            device: Some(EventDevice { id: 3, name: device.map(str::to_owned), is_public: true }),
            happened_at: datetime!(2023-11-02 09:48:40.9 UTC),
        };
        let live_url = Url::parse("https://beat.example.org/").expect("a URL");
        serde_json::to_string_pretty(&Body::new(&[event], &live_url)).expect("JSON")
    }

    #[test]
    fn a_beat() {
        insta::assert_snapshot!(message(EventKind::Beat, Some("Laptop")), @r##"
        {
          "username": "Heartbeat",
          "avatar_url": "https://beat.example.org/assets/icon-512.png",
          "embeds": [
            {
              "title": "Heartbeat",
              "description": "**Laptop** beat on <t:1698918520:D> at <t:1698918520:T>.",
              "color": 15026253,
              "author": {
                "name": "beat.example.org",
                "url": "https://beat.example.org/",
                "icon_url": "https://beat.example.org/assets/icon-512.png"
              }
            }
          ],
          "allowed_mentions": {
            "parse": []
          }
        }
        "##);
    }

    #[test]
    fn a_new_device() {
        insta::assert_snapshot!(message(EventKind::DeviceAdded, Some("@everyone **x** <@1>")), @r##"
        {
          "username": "Heartbeat",
          "avatar_url": "https://beat.example.org/assets/icon-512.png",
          "embeds": [
            {
              "title": "New device",
              "description": "**\\@everyone \\*\\*x\\*\\* \\<\\@1\\>** was added on <t:1698918520:D> at <t:1698918520:T>.",
              "color": 3900150,
              "author": {
                "name": "beat.example.org",
                "url": "https://beat.example.org/",
                "icon_url": "https://beat.example.org/assets/icon-512.png"
              }
            }
          ],
          "allowed_mentions": {
            "parse": []
          }
        }
        "##);
    }

    #[test]
    fn an_absence_that_ended() {
        let started_at = datetime!(2023-11-01 10:13:42 UTC);
        insta::assert_snapshot!(message(EventKind::AbsenceEnded(EndedAbsence { started_at }), None), @r##"
        {
          "username": "Heartbeat",
          "avatar_url": "https://beat.example.org/assets/icon-512.png",
          "embeds": [
            {
              "title": "Absence ended",
              "description": "**A device without a name** ended an absence of 23 hr 34 min, from <t:1698833622:D> <t:1698833622:T> to <t:1698918520:D> <t:1698918520:T>.",
              "color": 1483594,
              "author": {
                "name": "beat.example.org",
                "url": "https://beat.example.org/",
                "icon_url": "https://beat.example.org/assets/icon-512.png"
              }
            }
          ],
          "allowed_mentions": {
            "parse": []
          }
        }
        "##);
    }

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

    #[test]
    fn names_cannot_ping_or_format() {
        assert_eq!(plain("Ada's Laptop 携帯"), "Ada\\'s Laptop 携帯");
        assert_eq!(
            plain("[a](https://b) <t:1:R> `c`"),
            "\\[a\\]\\(https\\:\\/\\/b\\) \\<t\\:1\\:R\\> \\`c\\`"
        );
    }
}
