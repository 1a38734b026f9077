//! Links in notifications: codes that allow to do one thing, signed with a key that is derived from the secret key. Nothing
//! is stored: a new secret key voids them all.

use std::ops::Range;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::token::DerivedKey;

/// Bytes of a code before its signature: what it allows, the firing, the channel, and the version of its address.
const PAYLOAD_BYTES: usize = 21;

/// Bytes of the signature (HMAC-SHA256, cut to 128 bits, RFC 2104 section 5).
const SIGNATURE_BYTES: usize = 16;

/// What a link allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkAction {
    /// The owner says that they are well, told of a firing.
    Ok,
    /// A friend says that they have reached the owner, told of a firing.
    Reached,
    /// A friend says that a channel reaches them.
    Confirm,
    /// A friend wants nothing more through a channel.
    Unsubscribe,
}

impl LinkAction {
    const ALL: [Self; 4] = [Self::Ok, Self::Reached, Self::Confirm, Self::Unsubscribe];

    /// Returns the first part of the path of its page: `/ok/{code}` and so on.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Reached => "reached",
            Self::Confirm => "confirm",
            Self::Unsubscribe => "unsubscribe",
        }
    }

    /// Returns the action whose pages have this first part of their path.
    #[must_use]
    pub fn of_path(part: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.path() == part)
    }

    /// Returns the number that stands for it in codes. Never changes.
    fn number(self) -> u8 {
        match self {
            Self::Ok => 1,
            Self::Reached => 2,
            Self::Confirm => 3,
            Self::Unsubscribe => 4,
        }
    }
}

/// What a code stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// What it allows.
    pub action: LinkAction,
    /// Id of the firing that was told of; 0 where there is none, as in a test.
    pub firing: i64,
    /// Id of the channel that it was sent through.
    pub channel: i64,
    /// Version of the channel's address that it was sent to: with another address, the link is void.
    pub address_version: i32,
}

impl Link {
    /// Returns its code: 50 characters that need no escaping in a URL.
    #[must_use]
    pub fn code(&self, key: &DerivedKey) -> String {
        let payload = self.payload();
        let signature = key.sign(&payload);
        BASE64_URL_SAFE_NO_PAD.encode([&payload[..], &signature[..SIGNATURE_BYTES]].concat())
    }

    /// Returns what a code stands for; `None` if it was not signed with this key, or allows something else.
    #[must_use]
    pub fn parse(code: &str, action: LinkAction, key: &DerivedKey) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(code).ok()?;
        let (payload, signature) = bytes.split_at_checked(PAYLOAD_BYTES)?;
        if signature.len() != SIGNATURE_BYTES || !key.verify_left(payload, signature) {
            return None;
        }
        let number = |range: Range<usize>| Some(i64::from_be_bytes(payload[range].try_into().ok()?));
        let address_version = i32::from_be_bytes(payload[17..].try_into().ok()?);
        let signed = LinkAction::ALL.into_iter().find(|action| action.number() == payload[0])?;
        let (firing, channel) = (number(1..9)?, number(9..17)?);
        (signed == action).then_some(Self { action, firing, channel, address_version })
    }

    fn payload(&self) -> [u8; PAYLOAD_BYTES] {
        let mut payload = [0; PAYLOAD_BYTES];
        payload[0] = self.action.number();
        payload[1..9].copy_from_slice(&self.firing.to_be_bytes());
        payload[9..17].copy_from_slice(&self.channel.to_be_bytes());
        payload[17..].copy_from_slice(&self.address_version.to_be_bytes());
        payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::{Purpose, SecretKey};

    fn key(secret: &str) -> DerivedKey {
        SecretKey::parse(secret).expect("a key").derive(Purpose::Link)
    }

    #[test]
    fn a_code_allows_one_thing_under_one_key() {
        let link = Link { action: LinkAction::Ok, firing: 7, channel: 3, address_version: 2 };
        let code = link.code(&key("correct horse"));
        assert_eq!(code.len(), 50);
        assert_eq!(Link::parse(&code, LinkAction::Ok, &key("correct horse")), Some(link));
        assert_eq!(Link::parse(&code, LinkAction::Reached, &key("correct horse")), None);
        assert_eq!(Link::parse(&code, LinkAction::Ok, &key("battery staple")), None);
    }

    #[test]
    fn a_code_that_was_changed_is_none() {
        let code = Link { action: LinkAction::Ok, firing: 7, channel: 3, address_version: 2 }
            .code(&key("correct horse"));
        let mut changed = code.clone().into_bytes();
        for at in 0..code.len() {
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let text = String::from_utf8(changed.clone()).expect("ASCII");
            assert_eq!(Link::parse(&text, LinkAction::Ok, &key("correct horse")), None, "{text}");
            changed[at] = code.as_bytes()[at];
        }
        for text in ["", "A", &code[..49], &format!("{code}A")] {
            assert_eq!(Link::parse(text, LinkAction::Ok, &key("correct horse")), None, "{text}");
        }
    }
}
