//! Webhooks: events as JSON to any URL, signed.
//!
//! Source: the Standard Webhooks specification, version 1.0.0 (standardwebhooks.com), "Webhook metadata" and
//! "Signature scheme".

use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::future::BoxFuture;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::Sha256;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use url::Url;

use super::{
    channel::{Channel, ChannelKind, Outcome, Setting, url_setting},
    event::{EndedAbsence, Event, EventKind},
    http::{Http, Message},
    site::Site,
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

fn make(settings: &Value, _: &Site) -> Result<Box<dyn Channel>, String> {
    Ok(Box::new(Webhook::new(settings)?))
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
        Box::pin(http.deliver(self.message(&events[0], reader.now), &GONE))
    }
}

impl Webhook {
    fn new(settings: &Value) -> Result<Self, String> {
        let url = url_setting(settings, "url")?;
        let mut secrets = vec![secret(settings, "secret")?];
        if settings.get("secret_previous").is_some() {
            secrets.push(secret(settings, "secret_previous")?);
        }
        Ok(Self { url, secrets })
    }

    fn message(&self, event: &Event, now: OffsetDateTime) -> Message {
        // The same in every attempt, so that receivers can tell a retry from another event.
        let id = format!("evt_{}_{}", event.id, event.happened_at.unix_timestamp());
        let timestamp = now.unix_timestamp().to_string();
        let body = serde_json::to_vec(&Body::of(event)).expect("text and numbers are JSON");
        let signatures: Vec<String> =
            self.secrets.iter().map(|secret| sign(secret.expose(), &id, &timestamp, &body)).collect();
        let headers = vec![
            ("webhook-id", id),
            ("webhook-timestamp", timestamp),
            ("webhook-signature", signatures.join(" ")),
        ];
        Message { url: self.url.clone(), headers, body }
    }
}

/// Signs an attempt: HMAC-SHA256 of `id.timestamp.body`, in base64 behind the version of the scheme.
fn sign(secret: &[u8], id: &str, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

#[derive(Debug, Serialize)]
struct Body {
    r#type: &'static str,
    /// When it happened.
    timestamp: String,
    data: Map<String, Value>,
}

impl Body {
    fn of(event: &Event) -> Self {
        let mut data = Map::new();
        if let Some(device) = &event.device {
            data.insert("device".to_owned(), json!({ "id": device.id, "name": device.name }));
        }
        if let EventKind::AbsenceEnded(EndedAbsence { started_at }) = event.kind {
            data.insert("started_at".to_owned(), rfc3339(started_at).into());
            data.insert("ended_at".to_owned(), rfc3339(event.happened_at).into());
            data.insert("seconds".to_owned(), (event.happened_at - started_at).whole_seconds().into());
        }
        Self { r#type: event.kind.name(), timestamp: rfc3339(event.happened_at), data }
    }
}

/// A time in UTC (RFC 3339), to the second.
fn rfc3339(time: OffsetDateTime) -> String {
    let whole = time.replace_nanosecond(0).unwrap_or(time).to_offset(time::UtcOffset::UTC);
    whole.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::notify::event::EventDevice;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn settings() -> Value {
        json!({ "url": "https://example.org/hook", "secret": SECRET })
    }

    fn event(kind: EventKind) -> Event {
        let device = Some(EventDevice { id: 3, name: Some("Laptop".to_owned()), is_public: true });
        Event { id: 7, kind, device, happened_at: datetime!(2023-11-02 09:48:40.9 UTC) }
    }

    fn message(settings: &Value, event: &Event) -> Message {
        let webhook = Webhook::new(settings).expect("sound settings");
        webhook.message(event, datetime!(2023-11-02 10:00:00 UTC))
    }

    #[test]
    fn signatures_are_those_of_the_reference_libraries() {
        // The example that the libraries of Standard Webhooks test themselves with.
        let secret = BASE64_STANDARD.decode(SECRET.trim_start_matches(SECRET_PREFIX)).expect("base64");
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(
            sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body),
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
            @r#"{"type":"absence.ended","timestamp":"2023-11-02T09:48:40Z","data":{"device":{"id":3,"name":"Laptop"},"ended_at":"2023-11-02T09:48:40Z","seconds":84898,"started_at":"2023-11-01T10:13:42Z"}}"#
        );
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
            let error = Webhook::new(&settings).map(drop).expect_err(value);
            assert!(error.starts_with(name) && !error.contains("hush"), "{error}");
        }
    }
}
