//! Authentication. These extractors read nothing but the headers, and come before the one that reads the body.

use axum::{
    extract::FromRequestParts,
    http::{header::AUTHORIZATION, request::Parts},
};
use heartbeat_core::token::TokenHash;

use super::{client_ip::ClientIp, problem::Problem};
use crate::App;

/// Proof that the request carries the owner's secret key.
#[derive(Debug)]
pub struct Owner;

impl FromRequestParts<App> for Owner {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let key = app.config.secret_key.as_ref().ok_or(Problem::NoSecretKey)?;
        let presented = authorization(parts).ok_or(Problem::Unauthorized)?;
        // Before the comparison: a right guess of a client that guessed too often must not be told from a wrong one.
        let client = parts.extensions.get().copied().unwrap_or(ClientIp(None));
        if let Some(delay) = app.rate_limiter.retry_after(client, (app.clock)()) {
            return Err(Problem::too_many_requests(delay));
        }
        // A secret key may itself begin with the word Bearer.
        let matches = key.matches(credentials(presented)) | key.matches(presented);
        matches.then_some(Self).ok_or(Problem::Unauthorized)
    }
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

/// Returns the value of the `Authorization` header, unless there is none, or more than one.
fn authorization(parts: &Parts) -> Option<&[u8]> {
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

#[cfg(test)]
mod tests {
    use super::credentials;

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
}
