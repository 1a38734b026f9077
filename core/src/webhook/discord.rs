//! Discord as a receiver: messages with embeds, through a webhook.
//!
//! Source: Discord's developer documentation, "Webhook Resource", "Message Resource" (embeds, allowed
//! mentions), "Rate Limits" and "Message Formatting" (timestamps).

use std::{sync::Arc, time::Duration};

use reqwest::{Response, StatusCode, header::HeaderMap};
use serde::Serialize;
use url::Url;

use super::{Outcome, Receiver};
use crate::{
    device::UNNAMED,
    event::{DISCORD, Event, Kind},
    secret::Secret,
    words,
};

/// How long a connection may take to come about.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// A channel of Discord.
#[derive(Debug)]
pub struct Discord {
    http: reqwest::Client,
    /// Whoever knows it can write to the channel.
    url: Secret<Url>,
    live_url: Url,
}

impl Discord {
    /// The channel behind a webhook's `url`; messages come from the server at `live_url`.
    ///
    /// # Panics
    ///
    /// Never: what could fail is fixed when the program is built.
    #[must_use]
    pub fn new(url: &Secret<Url>, live_url: Url) -> Self {
        let mut url = url.expose().clone();
        // Without this, Discord answers before it knows whether it can keep the message.
        url.query_pairs_mut().append_pair("wait", "true");
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls())
            .connect_timeout(CONNECT_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("Heartbeat/", env!("CARGO_PKG_VERSION")))
            .build()
            .expect("a client");
        Self { http, url: Secret::new(url), live_url }
    }
}

/// TLS as for the database: on ring, with the roots that come with the program.
fn tls() -> rustls::ClientConfig {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has ciphers for all versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

impl Receiver for Discord {
    const NAME: &'static str = DISCORD;
    /// Embeds in one message.
    const LIMIT: usize = 10;

    async fn send(&self, events: &[Event]) -> Outcome {
        let message = serde_json::to_vec(&Message::new(events, &self.live_url)).expect("text is JSON");
        let request = self.http.post(self.url.expose().clone()).header("content-type", "application/json");
        match request.body(message).send().await {
            Ok(response) => judge(&response),
            // The library's own words hold the URL, which is the secret, and the address of the host.
            Err(error) => {
                let reason = if error.is_timeout() {
                    "it does not answer"
                } else if error.is_connect() {
                    "it cannot be reached"
                } else {
                    "the connection broke"
                };
                Outcome::Failed { reason: reason.to_owned(), after: None }
            }
        }
    }
}

/// What an answer means.
fn judge(response: &Response) -> Outcome {
    let (status, headers) = (response.status(), response.headers());
    if status.is_success() {
        let exhausted = seconds(headers, "x-ratelimit-remaining") == Some(Duration::ZERO);
        let pause = seconds(headers, "x-ratelimit-reset-after").filter(|_| exhausted);
        return Outcome::Taken(pause.unwrap_or_default());
    }
    let reason = format!("it answered {}", status.as_u16());
    if status == StatusCode::TOO_MANY_REQUESTS {
        let after = seconds(headers, "retry-after").or_else(|| seconds(headers, "x-ratelimit-reset-after"));
        return Outcome::Failed { reason, after };
    }
    match status.as_u16() {
        // A token that is wrong, a webhook that was deleted.
        401 | 403 | 404 | 410 => return Outcome::Closed(reason),
        408 => {}
        400..500 => return Outcome::Refused(reason),
        _ => {}
    }
    Outcome::Failed { reason, after: seconds(headers, "retry-after") }
}

/// A header that holds seconds, perhaps with a fraction.
fn seconds(headers: &HeaderMap, name: &str) -> Option<Duration> {
    let value: f64 = headers.get(name)?.to_str().ok()?.trim().parse().ok()?;
    Duration::try_from_secs_f64(value).ok()
}

#[derive(Debug, Serialize)]
struct Message<'a> {
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

/// Nobody is ever pinged.
#[derive(Debug, Serialize)]
struct AllowedMentions {
    parse: [&'static str; 0],
}

impl<'a> Message<'a> {
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
        let name = event.device.as_deref().map_or(UNNAMED.to_owned(), plain);
        let at = event.happened_at.unix_timestamp();
        let (title, description, color) = match event.kind {
            Kind::Beat => ("Heartbeat", format!("**{name}** beat on <t:{at}:D> at <t:{at}:T>."), 0x00e5_484d),
            Kind::DeviceAdded => {
                ("New device", format!("**{name}** was added on <t:{at}:D> at <t:{at}:T>."), 0x003b_82f6)
            }
            Kind::AbsenceEnded { since } => {
                let length = words::duration((event.happened_at - since).whole_seconds());
                let since = since.unix_timestamp();
                let span = format!("from <t:{since}:D> <t:{since}:T> to <t:{at}:D> <t:{at}:T>");
                ("Absence ended", format!("**{name}** ended an absence of {length}, {span}."), 0x0016_a34a)
            }
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

/// Text that Discord shows as it is: it takes a backslash before any sign for just that sign.
fn plain(text: &str) -> String {
    let escaped = |c: char| c.is_ascii_punctuation().then_some('\\').into_iter().chain([c]);
    text.chars().flat_map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn message(kind: Kind, device: Option<&str>) -> String {
        let event = Event {
            id: 1,
            kind,
            device: device.map(str::to_owned),
            happened_at: datetime!(2023-11-02 09:48:40.9 UTC),
        };
        let live_url = Url::parse("https://beat.example.org/").expect("a URL");
        serde_json::to_string_pretty(&Message::new(&[event], &live_url)).expect("JSON")
    }

    #[test]
    fn a_beat() {
        insta::assert_snapshot!(message(Kind::Beat, Some("Laptop")), @r##"
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
        insta::assert_snapshot!(message(Kind::DeviceAdded, Some("@everyone **x** <@1>")), @r##"
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
        let since = datetime!(2023-11-01 10:13:42 UTC);
        insta::assert_snapshot!(message(Kind::AbsenceEnded { since }, None), @r##"
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
    fn names_cannot_ping_or_format() {
        assert_eq!(plain("Ada's Laptop 携帯"), "Ada\\'s Laptop 携帯");
        assert_eq!(
            plain("[a](https://b) <t:1:R> `c`"),
            "\\[a\\]\\(https\\:\\/\\/b\\) \\<t\\:1\\:R\\> \\`c\\`"
        );
    }
}
