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
    text,
    wording::{self, Reader, Tone, Wording},
};
use crate::{humanize, secret::Secret};

/// Embeds that one message holds at most.
const MAX_EMBEDS: usize = 10;

/// Characters that a title, a description and the name of an author have at most, and all of those in one message. Whether Discord
/// counts characters beyond the first 65,536 as one or two is not documented: two is safe.
const TITLE_MAX: usize = 256;
const DESCRIPTION_MAX: usize = 4_096;
const AUTHOR_MAX: usize = 256;
const MESSAGE_MAX: usize = 6_000;

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

#[derive(Debug, Serialize)]
struct Body {
    username: &'static str,
    avatar_url: String,
    embeds: Vec<Embed>,
    allowed_mentions: AllowedMentions,
}

#[derive(Debug, Serialize)]
struct Embed {
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    description: String,
    color: u32,
    author: Author,
}

#[derive(Debug, Serialize)]
struct Author {
    name: String,
    url: String,
    icon_url: String,
}

/// Mentions in names notify no one.
#[derive(Debug, Serialize)]
struct AllowedMentions {
    parse: [&'static str; 0],
}

impl Body {
    fn new(events: &[Event], reader: &Reader<'_>) -> Self {
        let share = MESSAGE_MAX / events.len().max(1);
        Self {
            username: "Heartbeat",
            avatar_url: icon(&reader.site.live_url),
            embeds: events.iter().map(|event| Embed::new(event, reader, share)).collect(),
            allowed_mentions: AllowedMentions { parse: [] },
        }
    }
}

impl Embed {
    /// Makes an embed whose texts have at most `share` characters together.
    fn new(event: &Event, reader: &Reader<'_>, share: usize) -> Self {
        let live_url = &reader.site.live_url;
        let host = live_url.host_str().unwrap_or_default();
        let author = Author {
            name: text::cut_to_utf16(host, AUTHOR_MAX.min(share / 6)),
            url: live_url.to_string(),
            icon_url: icon(live_url),
        };
        let title_max = TITLE_MAX.min(share / 4);
        let max = DESCRIPTION_MAX.min(share - share / 6 - title_max);
        if let Some((title, description, color)) = short(event) {
            let description = text::cut_to_utf16(&description, max);
            return Self { title: title.to_owned(), url: None, description, color, author };
        }
        let wording = wording::of(event, reader);
        Self {
            title: plain_within(&wording.title, title_max),
            description: description(&wording, max),
            color: color(wording.tone),
            url: Some(wording.page),
            author,
        }
    }
}

/// What there is to say of events that come by the dozen, with times in the reader's own time zone.
fn short(event: &Event) -> Option<(&'static str, String, u32)> {
    let name = plain(event.device_name());
    let at = event.happened_at.unix_timestamp();
    match &event.kind {
        EventKind::Beat => {
            Some(("Heartbeat", format!("**{name}** beat on <t:{at}:D> at <t:{at}:T>."), 0x00e5_484d))
        }
        EventKind::DeviceAdded => {
            Some(("New device", format!("**{name}** was added on <t:{at}:D> at <t:{at}:T>."), 0x003b_82f6))
        }
        EventKind::AbsenceEnded(EndedAbsence { started_at }) => {
            let length = humanize::duration((event.happened_at - *started_at).whole_seconds());
            let since = started_at.unix_timestamp();
            let span = format!("from <t:{since}:D> <t:{since}:T> to <t:{at}:D> <t:{at}:T>");
            Some(("Absence ended", format!("**{name}** ended an absence of {length}, {span}."), 0x0016_a34a))
        }
        _ => None,
    }
}

/// The text of a wording. What does not fit is cut before the links.
fn description(wording: &Wording, max: usize) -> String {
    let links = wording.links.iter().map(|link| format!("\n\n[{}]({})", plain(link.label), link.url));
    let links: String = links.collect();
    let max = max.saturating_sub(links.len());
    format!("{}{links}", plain_within(&wording.paragraphs.join("\n\n"), max))
}

fn color(tone: Tone) -> u32 {
    match tone {
        Tone::Alarm => 0x00dc_2626,
        Tone::Warning => 0x00f5_9e0b,
        Tone::Good => 0x0016_a34a,
        Tone::Notice => 0x0064_748b,
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

/// The same, cut to `max` characters, and not within what a backslash escapes.
fn plain_within(text: &str, max: usize) -> String {
    let mut cut = text::cut_to_utf16(&plain(text), max);
    let backslashes = |text: &str| text.len() - text.trim_end_matches('\\').len();
    if let Some(before) = cut.strip_suffix('…').filter(|before| backslashes(before) % 2 == 1) {
        cut = format!("{}…", &before[..before.len() - 1]);
    }
    cut
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;
    use crate::{channel::Audience, notify::event::EventDevice, settings::Timezone};

    fn body(events: &[Event]) -> Body {
        let site = Site::example();
        let (audience, is_confirmed, timezone) = (Audience::Owner, true, &Timezone::default());
        let now = datetime!(2023-11-02 10:00:00 UTC);
        Body::new(
            events,
            &Reader { channel: 5, address_version: 0, audience, is_confirmed, now, timezone, site: &site },
        )
    }

    fn event(kind: EventKind, device: Option<&str>) -> Event {
        Event {
            id: 1,
            kind,
            device: Some(EventDevice { id: 3, name: device.map(str::to_owned), is_public: true }),
            happened_at: datetime!(2023-11-02 09:48:40.9 UTC),
        }
    }

    fn message(kind: EventKind, device: Option<&str>) -> String {
        serde_json::to_string_pretty(&body(&[event(kind, device)])).expect("JSON")
    }

    fn alert(message: &str) -> EventKind {
        let payload = json!({
            "firing": 7, "alert": 2, "name": "For Mum", "since": "2023-11-01T07:12:40Z", "message": message,
            "public_since": "2023-11-01T07:00:00Z", "timezone": "UTC",
        });
        EventKind::parse("alert.fired", &payload).expect("a kind")
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

    #[test]
    fn an_alert() {
        let message = message(alert("Call **me** @everyone <b>now</b>."), Some("Phone"));
        insta::assert_snapshot!(message.split("/ok/").next().expect("a message"), @r#"
        {
          "username": "Heartbeat",
          "avatar_url": "https://beat.example.org/assets/icon-512.png",
          "embeds": [
            {
              "title": "Anna\\'s heartbeat\\, Phone\\: silent for 26 hours",
              "url": "https://beat.example.org/",
              "description": "Call \\*\\*me\\*\\* \\@everyone \\<b\\>now\\<\\/b\\>\\.\n\nThe device “Phone” was last used on Wednesday\\, 1 November 2023\\, 07\\:12 UTC\\, 26 hours ago\\.\n\nIf you are well\\, say so\\: all alerts then count from that moment\\.\n\n[I\\'m fine](https://beat.example.org
        "#);
    }

    #[test]
    fn texts_of_any_length_fit_and_links_stay_whole() {
        let hostile = "@everyone *👩‍👩‍👧* <b> \u{202e}[x](https://x)\n".repeat(200);
        let quiet = EventKind::parse("device.quiet", &json!({ "last_beat": "2023-11-01T07:12:40Z" }));
        let ten = vec![event(quiet.expect("a kind"), Some(&hostile)); MAX_EMBEDS];
        for events in [vec![event(alert(&hostile), Some(&hostile))], ten] {
            let body = body(&events);
            let size = |text: &str| text.encode_utf16().count();
            let mut total = 0;
            for embed in &body.embeds {
                assert!(size(&embed.title) <= TITLE_MAX && size(&embed.description) <= DESCRIPTION_MAX);
                total += size(&embed.title) + size(&embed.description) + size(&embed.author.name);
            }
            assert!(total <= MESSAGE_MAX, "{total}");
            if events.len() == 1 {
                assert!(body.embeds[0].description.ends_with(')'), "{}", body.embeds[0].description);
            }
            assert!(body.allowed_mentions.parse.is_empty());
        }
    }

    #[test]
    fn a_cut_does_not_fall_into_an_escape() {
        assert_eq!(plain_within("****", 5), "\\*\\*…");
        assert_eq!(plain_within("****", 4), "\\*…");
        assert_eq!(plain_within("\\\\\\", 4), "\\\\…");
        assert_eq!(plain_within("****", 8), "\\*\\*\\*\\*");
    }
}
