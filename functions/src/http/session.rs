//! Sessions of the owner: what signing in gives a browser in place of the secret key.
//!
//! A session is a time at which it ends, and its signature. The server keeps nothing of it: a session ends at that time, or
//! when the secret key is replaced, since the key of the signatures is derived from that. It is not renewed.

use std::fmt::Display;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use heartbeat_core::token::{Purpose, SecretKey};
use rand::CryptoRng;
use time::{Duration, OffsetDateTime};

/// Time for which a session holds.
pub(crate) const MAX_AGE: Duration = Duration::days(30);

/// Time by which the clocks of two servers on one database may differ: a session of the one holds at the other at once.
const CLOCK_SKEW: Duration = Duration::MINUTE;

/// Number of random bytes in a session, so that two of one second differ.
const ID_BYTES: usize = 16;

/// Returns a session that begins at `now`, as a cookie holds it: `<end, a Unix time>.<random id>.<signature>`.
pub(crate) fn start(key: &SecretKey, now: OffsetDateTime, rng: &mut impl CryptoRng) -> String {
    let mut id = [0; ID_BYTES];
    rng.fill_bytes(&mut id);
    sign(key, format_args!("{}.{}", (now + MAX_AGE).unix_timestamp(), BASE64_URL_SAFE_NO_PAD.encode(id)))
}

fn sign(key: &SecretKey, content: impl Display) -> String {
    let content = content.to_string();
    let signature = key.derive(Purpose::Session).sign(content.as_bytes());
    format!("{content}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

/// Whether a cookie holds a session that was started with this key, and that goes on at `now`. One that ends much later than
/// any that begins now was started while the clock was ahead, and does not hold.
pub(crate) fn is_valid(cookie: &str, key: &SecretKey, now: OffsetDateTime) -> bool {
    let Some((content, signature)) = cookie.rsplit_once('.') else { return false };
    let Ok(signature) = BASE64_URL_SAFE_NO_PAD.decode(signature) else { return false };
    let is_ours = key.derive(Purpose::Session).verify(content.as_bytes(), &signature);
    let end = content.split_once('.').and_then(|(end, _)| end.parse().ok());
    let (earliest, latest) = (now.unix_timestamp() + 1, (now + MAX_AGE + CLOCK_SKEW).unix_timestamp());
    is_ours && end.is_some_and(|end: i64| (earliest..=latest).contains(&end))
}

#[cfg(test)]
mod tests {
    use rand::{rand_core::UnwrapErr, rngs::SysRng};

    use super::*;

    const NOW: OffsetDateTime = time::macros::datetime!(2026-11-26 12:00:00 UTC);

    fn key(text: &str) -> SecretKey {
        SecretKey::parse(text).expect("a legal key")
    }

    fn session() -> String {
        start(&key("one"), NOW, &mut UnwrapErr(SysRng))
    }

    #[test]
    fn a_session_holds_for_thirty_days_and_not_long_before_it_began() {
        let (session, key) = (session(), key("one"));
        let holds = |after| is_valid(&session, &key, NOW + after);
        assert!(holds(Duration::ZERO) && holds(MAX_AGE - Duration::SECOND));
        // At a server whose clock is behind.
        assert!(holds(-Duration::SECOND) && holds(-CLOCK_SKEW));
        assert!(!holds(MAX_AGE) && !holds(MAX_AGE * 2) && !holds(-CLOCK_SKEW - Duration::SECOND));
    }

    #[test]
    fn another_key_ends_it() {
        assert!(!is_valid(&session(), &key("two"), NOW));
    }

    #[test]
    fn no_two_sessions_are_the_same() {
        assert_ne!(session(), session());
    }

    #[test]
    fn what_was_changed_or_made_up_does_not_hold() {
        let (session, key) = (session(), key("one"));
        let (content, signature) = session.rsplit_once('.').expect("a signature");
        let (end, id) = content.split_once('.').expect("an id");
        let later = end.parse::<i64>().expect("a time") - 1;
        let forged = [
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            end.to_owned(),
            content.to_owned(),
            format!("{content}."),
            format!("{later}.{id}.{signature}"),
            format!("{end}.{id}A.{signature}"),
            format!("{end}{id}.{signature}"),
            format!("{content}.{}", &signature[..42]),
            format!("{content}.{signature}="),
            format!(" {session}"),
            format!("{content}.{}", BASE64_URL_SAFE_NO_PAD.encode([0; 32])),
        ];
        for cookie in forged {
            assert!(!is_valid(&cookie, &key, NOW), "{cookie}");
        }
        // Signed by us, and yet no session.
        for content in ["", "x", "x.y", ".", "9999999999999999999.id", "-1.id"] {
            assert!(!is_valid(&sign(&key, content), &key, NOW), "{content}");
        }
    }
}
