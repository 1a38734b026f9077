//! Authentication. These extractors read nothing but the headers, and come before the one that reads the body.

use std::borrow::Cow;

use axum::{
    extract::FromRequestParts,
    http::{header::AUTHORIZATION, request::Parts},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use heartbeat_core::{
    editor_key::EditorCredential,
    token::{SecretKey, TokenHash},
};
use url::Url;

use super::{
    client_ip::{ClientIp, share_key},
    cookies::{CookieName, Transport},
    live_url::LiveUrl,
    own_origin,
    problem::Problem,
    session,
};
use crate::App;

/// Proof that the request comes from the owner: with the secret key, or with the cookie of a session.
#[derive(Debug)]
pub struct Owner;

/// What a request presents to prove that it comes from the owner.
enum Presented<'a> {
    SecretKey(&'a [u8]),
    Session(&'a str),
}

impl FromRequestParts<App> for Owner {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let live_url = LiveUrl::of(parts, app);
        let presented = presented(parts, app, live_url.url()).ok_or(Problem::Unauthorized)?;
        let client = client_ip(parts);
        let key = key_to_compare(app, client).await?;
        match presented {
            Presented::SecretKey(value) => {
                // A secret key may itself begin with the word Bearer.
                let matches = key.matches(credentials(value)) | key.matches(value);
                matches.then_some(Self).ok_or_else(|| wrong_guess(app, client))
            }
            Presented::Session(cookie) => {
                if !session::is_valid(cookie, &key, (app.clock)()) {
                    return Err(wrong_guess(app, client));
                }
                // Browsers add the cookie to requests that pages make, not only ours.
                let may =
                    parts.method.is_safe() || own_origin::is_own(&parts.uri, &parts.headers, live_url.url());
                may.then_some(Self).ok_or(Problem::CrossSite)
            }
        }
    }
}

/// Returns what a request presents: if it has an `Authorization`, that alone counts.
fn presented<'a>(parts: &'a Parts, app: &App, live_url: &Url) -> Option<Presented<'a>> {
    if parts.headers.contains_key(AUTHORIZATION) {
        return authorization(parts).map(Presented::SecretKey);
    }
    let transport = Transport::of(parts, &app.config, live_url)?;
    transport.read(&parts.headers, CookieName::Session).map(Presented::Session)
}

/// Returns the secret key for the comparison with what a client presents, unless the client guessed too often: then a right
/// guess must not be told from a wrong one. A session that was made up is a guess at the key, too.
pub(crate) async fn key_to_compare(app: &App, client: ClientIp) -> Result<SecretKey, Problem> {
    if app.config.secret_key.is_none() {
        return Err(Problem::NoSecretKey);
    }
    let now = (app.clock)();
    if let Some(delay) = app.rate_limiter.retry_after(client, now) {
        return Err(Problem::too_many_requests(delay));
    }
    app.owner_key.current(now).await.ok_or(Problem::NoSecretKey)
}

/// Counts a guess that was wrong, and returns what answers it. It is counted here and not by the status of the response: a
/// page may answer it with a form.
pub(crate) fn wrong_guess(app: &App, client: ClientIp) -> Problem {
    let delay = app.rate_limiter.record_failure(client, (app.clock)());
    delay.map_or(Problem::Unauthorized, Problem::too_many_requests)
}

pub(crate) fn client_ip(parts: &Parts) -> ClientIp {
    parts.extensions.get().copied().unwrap_or(ClientIp(None))
}

/// Hash of the token that a device presents. Only the database knows whether it is valid.
#[derive(Debug)]
pub struct DeviceToken(pub TokenHash);

impl FromRequestParts<App> for DeviceToken {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let presented = authorization(parts).map(credentials).filter(|token| !token.is_empty());
        presented.map(|token| Self(TokenHash::of(token))).ok_or(Problem::Unauthorized)
    }
}

/// Hash of the token of the device that an editor sends beats for. The database has just found the credential valid.
#[derive(Debug)]
pub struct EditorDevice(pub TokenHash);

impl FromRequestParts<App> for EditorDevice {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let presented = authorization(parts).and_then(editor_credentials).ok_or(Problem::Unauthorized)?;
        let client = client_ip(parts);
        let credential = EditorCredential::of(&presented);
        let token = app.heartbeat.authenticate_editor(credential, client.0.map(share_key)).await?;
        Ok(Self(token))
    }
}

/// Returns the value of the `Authorization` header, unless there is none, or more than one.
pub(super) fn authorization(parts: &Parts) -> Option<&[u8]> {
    let mut values = parts.headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.as_bytes())
}

/// Returns the token in `Bearer <token>` (RFC 6750, section 2.1; the scheme in any case: RFC 9110, section 11.1), or
/// the whole value if it names no scheme.
pub(crate) fn credentials(value: &[u8]) -> &[u8] {
    match value.split_at_checked("Bearer ".len()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"Bearer ") => token.trim_ascii(),
        _ => value,
    }
}

/// Returns the key in `Basic <base64 of the key>`, as WakaTime's clients send it, with or without the colon that the
/// scheme demands (RFC 7617, section 2); else the [`credentials`]. `None` if there is no key.
pub(crate) fn editor_credentials(value: &[u8]) -> Option<Cow<'_, [u8]>> {
    let key = match value.split_at_checked("Basic ".len()) {
        Some((scheme, encoded)) if scheme.eq_ignore_ascii_case(b"Basic ") => {
            let mut decoded = BASE64_STANDARD.decode(encoded.trim_ascii()).ok()?;
            decoded.pop_if(|last| *last == b':');
            decoded.into()
        }
        _ => credentials(value).into(),
    };
    Some(key).filter(|key: &Cow<'_, [u8]>| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{credentials, editor_credentials};

    #[test]
    fn the_scheme_is_optional_and_in_any_case() {
        for value in ["hbt_1", "Bearer hbt_1", "bearer hbt_1", "BEARER   hbt_1"] {
            assert_eq!(credentials(value.as_bytes()), b"hbt_1", "{value}");
        }
    }

    #[test]
    fn other_schemes_are_taken_as_they_are_and_match_nothing() {
        assert_eq!(credentials(b"Basic aGJ0XzE="), b"Basic aGJ0XzE=");
        assert_eq!(credentials(b"Bearer"), b"Bearer");
        assert_eq!(credentials(b"Bearer "), b"");
    }

    #[test]
    fn editors_may_send_a_key_as_the_user_of_basic_credentials() {
        for value in ["Basic aGJ0XzE=", "basic aGJ0XzE=", "BASIC  aGJ0XzE6", "Bearer hbt_1", "hbt_1"] {
            assert_eq!(editor_credentials(value.as_bytes()).as_deref(), Some(&b"hbt_1"[..]), "{value}");
        }
        for value in ["Basic", "Basic hbt_1", "Basic aGJ0XzE", "Basic OnB3", "Bearer hbt_2"] {
            assert_ne!(editor_credentials(value.as_bytes()).as_deref(), Some(&b"hbt_1"[..]), "{value}");
        }
        for value in ["", "Bearer ", "Basic ", "Basic Og==", "Basic !"] {
            assert_eq!(editor_credentials(value.as_bytes()), None, "{value}");
        }
    }
}
