//! Webhooks: events as JSON to any URL, signed.
//!
//! Source: the Standard Webhooks specification, version 1.0.0 (standardwebhooks.com), "Webhook metadata" and
//! "Signature scheme". The crate of its authors signs.

use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::future::BoxFuture;
use serde_json::Value;
use url::Url;

use super::{
    channel::{Channel, ChannelKind, Setting, url_setting},
    event::Event,
    http::{Http, Message},
    outcome::Outcome,
    site::Site,
    webhook_payload::WebhookBody,
    wording::Reader,
};
use crate::secret::Secret;

/// Prefix of the secret as people copy it; the rest is base64.
pub(super) const SECRET_PREFIX: &str = "whsec_";

/// Random bytes that a secret may have, decoded.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The status by which a receiver unsubscribes. 404 is what proxies answer while a receiver restarts.
const GONE: [u16; 1] = [410];

/// The kind `webhook`, with the settings `url`, `secret` and, while a secret is being rotated,
/// `secret_previous`.
pub(super) const KIND: ChannelKind = ChannelKind {
    name: "webhook",
    settings: &[Setting::secret("url"), Setting::secret("secret"), Setting::secret("secret_previous")],
    make,
};

#[derive(Debug)]
struct Webhook {
    url: Secret<Url>,
    /// Decoded secrets. Each signs, so that a receiver may still have the previous one.
    secrets: Vec<Secret<Vec<u8>>>,
}

fn make(settings: &Value, site: &Site) -> Result<Box<dyn Channel>, String> {
    Ok(Box::new(Webhook::new(settings, site)?))
}

fn secret(settings: &Value, name: &str) -> Result<Secret<Vec<u8>>, String> {
    let text = settings.get(name).and_then(Value::as_str).unwrap_or_default();
    let decoded = text.strip_prefix(SECRET_PREFIX).and_then(|base64| BASE64_STANDARD.decode(base64).ok());
    decoded
        .filter(|bytes| SECRET_BYTES.contains(&bytes.len()))
        .map(Secret::new)
        .ok_or_else(|| format!("{name}: expected whsec_ and 24 to 64 bytes in base64"))
}

impl Channel for Webhook {
    fn max_events(&self) -> usize {
        1
    }

    fn send<'a>(
        &'a self,
        events: &'a [Event],
        reader: &'a Reader<'a>,
        http: &'a Http,
    ) -> BoxFuture<'a, Outcome> {
        Box::pin(http.deliver(self.message(&events[0], reader), &GONE))
    }
}

impl Webhook {
    fn new(settings: &Value, site: &Site) -> Result<Self, String> {
        let url = url_setting(settings, "url", site)?;
        let mut secrets = vec![secret(settings, "secret")?];
        if settings.get("secret_previous").is_some() {
            secrets.push(secret(settings, "secret_previous")?);
        }
        Ok(Self { url, secrets })
    }

    fn message(&self, event: &Event, reader: &Reader<'_>) -> Message {
        // The same in every attempt, so that receivers can tell a retry from another event.
        let id = format!("evt_{}_{}", event.id, event.happened_at.unix_timestamp());
        let timestamp = reader.now.unix_timestamp();
        let body = serde_json::to_vec(&WebhookBody::of(event, reader)).expect("text and numbers are JSON");
        let signatures: Vec<String> =
            self.secrets.iter().map(|secret| sign(secret, &id, timestamp, &body)).collect();
        let headers = vec![
            ("webhook-id", id),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signatures.join(" ")),
        ];
        Message { url: self.url.clone(), headers, body }
    }
}

/// Signs an attempt.
fn sign(secret: &Secret<Vec<u8>>, id: &str, timestamp: i64, body: &[u8]) -> String {
    let signer = standardwebhooks::Webhook::from_bytes(secret.expose().clone());
    signer.and_then(|it| it.sign(id, timestamp, body)).expect("a key of any length signs JSON")
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;
    use crate::{
        channel::Audience,
        notify::event::{EndedAbsence, EventDevice, EventKind},
        settings::Timezone,
    };

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn settings() -> Value {
        json!({ "url": "https://example.org/hook", "secret": SECRET })
    }

    fn event(kind: EventKind) -> Event {
        let device = Some(EventDevice { id: 3, name: Some("Laptop".to_owned()), is_public: true });
        Event { id: 7, kind, device, happened_at: datetime!(2023-11-02 09:48:40.9 UTC) }
    }

    fn read_by(webhook: &Webhook, event: &Event, audience: Audience) -> Message {
        let site = Site::example();
        let now = datetime!(2023-11-02 10:00:00 UTC);
        let (timezone, is_confirmed) = (&Timezone::default(), true);
        webhook.message(
            event,
            &Reader { channel: 5, address_version: 0, audience, is_confirmed, now, timezone, site: &site },
        )
    }

    fn message(settings: &Value, event: &Event) -> Message {
        let webhook = Webhook::new(settings, &Site::example()).expect("sound settings");
        read_by(&webhook, event, Audience::Owner)
    }

    #[test]
    fn signatures_are_those_of_the_reference_libraries() {
        // The example that the libraries of Standard Webhooks test themselves with.
        let secret = secret(&settings(), "secret").expect("a secret");
        assert_eq!(
            sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_beat() {
        let message = message(&settings(), &event(EventKind::Beat));
        insta::assert_snapshot!(
            String::from_utf8_lossy(&message.body),
            @r#"{"type":"beat","timestamp":"2023-11-02T09:48:40Z","data":{"device":{"id":3,"name":"Laptop"}}}"#
        );
        assert_eq!(message.headers[0], ("webhook-id", "evt_7_1698918520".to_owned()));
        assert_eq!(message.headers[1], ("webhook-timestamp", "1698919200".to_owned()));
    }

    #[test]
    fn an_absence_that_ended() {
        let started_at = datetime!(2023-11-01 10:13:42 UTC);
        let message = message(&settings(), &event(EventKind::AbsenceEnded(EndedAbsence { started_at })));
        insta::assert_snapshot!(
            String::from_utf8_lossy(&message.body),
            @r#"
            {"type":"absence.ended","timestamp":"2023-11-02T09:48:40Z","data":{"device":{"id":3,"name":"Laptop"},"started_at":"2023-11-01T10:13:42Z","ended_at":"2023-11-02T09:48:40Z","seconds":84898}}
            "#
        );
    }

    #[test]
    fn alerts_and_what_is_said_of_channels() {
        let payload = json!({
            "firing": 7, "alert": 2, "name": "For Mum", "since": "2023-11-01T07:12:40Z",
            "public_since": "2023-11-01T07:00:00Z", "timezone": "UTC", "unconfirmed": ["Ben"], "channel": 4,
            "reason": "status 404", "disabled": true, "last_beat": "2023-10-01T07:12:40Z",
        });
        let kinds =
            ["alert.fired", "alert.resolved", "channel.failing", "channel.confirm", "device.quiet", "test"];
        let webhook = Webhook::new(&settings(), &Site::example()).expect("sound settings");
        let bodies = kinds.map(|name| {
            let mut event = event(EventKind::parse(name, &payload).expect("a kind"));
            event.device = event.device.filter(|_| name == "device.quiet");
            String::from_utf8(read_by(&webhook, &event, Audience::Owner).body).expect("text")
        });
        insta::assert_snapshot!(bodies.join("\n"), @r#"
        {"type":"alert.fired","timestamp":"2023-11-02T09:48:40Z","data":{"alert":{"id":2,"name":"For Mum"},"firing":7,"since":"2023-11-01T07:12:40Z","repetition":0,"unconfirmed":["Ben"],"ok_url":"https://beat.example.org/ok/AQAAAAAAAAAHAAAAAAAAAAUAAAAAXBR_rRKs7rrMzuySWK-efA","test":false}}
        {"type":"alert.resolved","timestamp":"2023-11-02T09:48:40Z","data":{"alert":{"id":2,"name":"For Mum"},"firing":7,"since":"2023-11-01T07:12:40Z","repetition":0,"unconfirmed":["Ben"],"test":false}}
        {"type":"channel.failing","timestamp":"2023-11-02T09:48:40Z","data":{"channel":{"id":4,"name":"For Mum"},"reason":"status 404","disabled":true}}
        {"type":"channel.confirm","timestamp":"2023-11-02T09:48:40Z","data":{"confirm_url":"https://beat.example.org/confirm/AwAAAAAAAAAAAAAAAAAAAAUAAAAAy9FdvHuX--MR1OpcoxgUJA","unsubscribe_url":"https://beat.example.org/unsubscribe/BAAAAAAAAAAAAAAAAAAAAAUAAAAAsAEdC3NhJjLuTbHv4gdqWQ"}}
        {"type":"device.quiet","timestamp":"2023-11-02T09:48:40Z","data":{"device":{"id":3,"name":"Laptop"},"since":"2023-10-01T07:12:40Z"}}
        {"type":"test","timestamp":"2023-11-02T09:48:40Z","data":{}}
        "#);
    }

    #[test]
    fn bodies_stay_below_20_kilobytes() {
        let long = "👩".repeat(100);
        let payload = json!({
            "firing": i64::MAX, "alert": i64::MAX, "name": long, "since": "2023-11-01T07:12:40Z",
            "public_since": "2023-11-01T07:00:00Z", "timezone": "UTC", "unconfirmed": vec![&long; 50],
            "message": "👩".repeat(500), "reached_by": long,
        });
        let body =
            message(&settings(), &event(EventKind::parse("alert.fired", &payload).expect("a kind"))).body;
        assert!(body.len() < 20_000, "{}", body.len());
    }

    #[test]
    fn while_a_secret_is_rotated_both_sign() {
        let mut both = settings();
        both["secret_previous"] = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into();
        let (one, two) =
            (message(&settings(), &event(EventKind::Beat)), message(&both, &event(EventKind::Beat)));
        let signatures: Vec<&str> = two.headers[2].1.split(' ').collect();
        assert_eq!(signatures.len(), 2);
        assert_eq!(signatures[0], one.headers[2].1);
        assert_ne!(signatures[0], signatures[1]);
    }

    #[test]
    fn settings_that_cannot_work_are_named_without_their_values() {
        for (name, value) in [("url", "ftp://hush"), ("secret", "hush"), ("secret", "whsec_aHVzaA==")] {
            let mut settings = settings();
            settings[name] = value.into();
            let error = Webhook::new(&settings, &Site::example()).map(drop).expect_err(value);
            assert!(error.starts_with(name) && !error.contains("hush"), "{error}");
        }
    }
}
