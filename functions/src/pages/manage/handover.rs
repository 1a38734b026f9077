//! What a form made and the next page shows: a token, which is shown once, and a pairing code.
//!
//! It travels in a cookie from the answer to the form to the page that this redirects to, since the database holds no secret
//! in the clear, and a URL would be logged. Reloading that page makes nothing twice; it shows the code again while that
//! holds, but not the token.

use axum::http::HeaderMap;
use heartbeat_core::{pairing::PairingCode, token::Token};
use time::Duration;

use crate::http::cookies::{CookieName, Transport};

/// For as long as a pairing code holds.
const MAX_AGE: Duration = Duration::minutes(10);

/// What stands in place of a token that was shown.
const SHOWN: &str = "shown";

/// What was made for a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Handover {
    pub(super) device: i64,
    /// Number of beats of the device when it was made.
    pub(super) num_beats: i64,
    pub(super) code: Option<String>,
    pub(super) token: HandedToken,
}

/// The token that was made, if one was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HandedToken {
    None,
    /// It was shown already.
    Shown,
    /// It is to be shown.
    New(String),
}

impl Handover {
    /// Takes what was made for a device that had so many beats then.
    pub(super) fn new(
        device: i64,
        num_beats: i64,
        code: Option<&PairingCode>,
        token: Option<&Token>,
    ) -> Self {
        let token = token.map_or(HandedToken::None, |token| HandedToken::New(token.expose().to_owned()));
        Self { device, num_beats, code: code.map(ToString::to_string), token }
    }

    /// Passes it on to the page of the device.
    pub(super) fn set(&self, transport: Transport, headers: &mut HeaderMap) {
        transport.set(headers, CookieName::Handover, &self.to_text(), MAX_AGE);
    }

    /// Reads what was made for this device.
    pub(super) fn read(transport: Transport, headers: &HeaderMap, device: i64) -> Option<Self> {
        let text = transport.read(headers, CookieName::Handover)?;
        Self::parse(text).filter(|handover| handover.device == device)
    }

    /// Returns the same without a token to show.
    pub(super) fn without_token(&self) -> Self {
        let token = match self.token {
            HandedToken::None => HandedToken::None,
            HandedToken::Shown | HandedToken::New(_) => HandedToken::Shown,
        };
        Self { token, ..self.clone() }
    }

    fn to_text(&self) -> String {
        let token = match &self.token {
            HandedToken::None => "",
            HandedToken::Shown => SHOWN,
            HandedToken::New(token) => token,
        };
        let code = self.code.as_deref().unwrap_or_default();
        format!("{}.{}.{code}.{token}", self.device, self.num_beats)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let mut next = || parts.next();
        let (device, num_beats, code, token) = (next()?, next()?, next()?, next()?);
        Some(Self {
            device: device.parse().ok()?,
            num_beats: num_beats.parse().ok()?,
            // Spelled as we spell it.
            code: PairingCode::parse(code).map(|code| code.to_string()),
            token: match token {
                "" => HandedToken::None,
                SHOWN => HandedToken::Shown,
                // Another program of this host may have set the cookie, and the page shows lines to copy into a shell.
                token => HandedToken::New(Token::parse(token)?.expose().to_owned()),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_written() {
        for code in [None, Some("BCDF-GHJK".to_owned())] {
            for token in [
                HandedToken::None,
                HandedToken::Shown,
                HandedToken::New(format!("hbt_a-_Z{}", "A".repeat(39))),
            ] {
                let handover = Handover { device: 7, num_beats: 36_308, code: code.clone(), token };
                assert_eq!(Handover::parse(&handover.to_text()), Some(handover));
            }
        }
    }

    #[test]
    fn anything_else_is_nothing() {
        for text in ["", "7", "7.1", "7.1.", "7.1..hbt_x", "x.1..", "7.x..", "..."] {
            assert_eq!(Handover::parse(text), None, "{text}");
        }
        assert_eq!(Handover::parse("7.1.<b>.").and_then(|it| it.code), None);
    }
}
