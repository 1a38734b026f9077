//! Secrets of devices (tokens) and of the owner (the secret key).

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use rand::CryptoRng;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::secret::Secret;

/// Prefix of new device tokens, so that people and secret scanners recognize them.
const TOKEN_PREFIX: &str = "hbt_";

/// Number of random bytes in a device token: 256 bits.
const TOKEN_BYTES: usize = 32;

/// Number of random bytes in a secret key: 48 bytes are exactly 64 characters of base64.
const SECRET_KEY_BYTES: usize = 48;

/// Length from which on a secret key is not warned about: shorter ones can be guessed, since people make them up.
pub const SECRET_KEY_SAFE_BYTES: usize = 16;

/// Maximum length of a secret key.
const SECRET_KEY_MAX_BYTES: usize = 256;

/// A device's token in the clear. Shown once, when it is generated.
#[derive(Debug, Clone)]
pub struct Token(Secret<String>);

impl Token {
    /// Generates a token of 256 random bits behind a recognizable prefix.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(Secret::new(format!("{TOKEN_PREFIX}{}", random_text::<TOKEN_BYTES>(rng))))
    }

    /// Parses a token of the form that [`generate`](Self::generate) gives them. `None` if it is anything else, such as a token
    /// from a legacy import.
    #[must_use]
    pub fn parse(token: &str) -> Option<Self> {
        let random = BASE64_URL_SAFE_NO_PAD.decode(token.strip_prefix(TOKEN_PREFIX)?).ok()?;
        (random.len() == TOKEN_BYTES).then(|| Self(Secret::new(token.to_owned())))
    }

    /// Returns the token in the clear, for the device.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Returns the hash of this token, which is all that the database stores.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.expose().as_bytes())
    }
}

/// The SHA-256 hash of a token: all that the database stores of it.
///
/// Finding a device by its hash needs no constant time: the duration of the lookup tells about the hash, not about the
/// token behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Hashes a token as a client presented it. Any bytes are allowed: tokens from a legacy import have another
    /// format, and keep working.
    #[must_use]
    pub fn of(presented: &[u8]) -> Self {
        Self(Sha256::digest(presented).into())
    }

    /// Returns the hash with these bytes, as the database has it.
    pub(crate) fn stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Returns the 32 bytes of the hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The owner's secret key, which registers devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretKey(Secret<String>);

impl SecretKey {
    /// Generates a key of 64 URL-safe characters, which hold 384 random bits.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(Secret::new(random_text::<SECRET_KEY_BYTES>(rng)))
    }

    /// Parses a key from the configuration: 1 to 256 bytes that can be sent as the value of an HTTP header (RFC 9110,
    /// section 5.5: no control characters but the tab, no space or tab at either end). `None` if it is anything else.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        let fits = (1..=SECRET_KEY_MAX_BYTES).contains(&key.len());
        let legal = key.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f));
        let trimmed = key.trim_matches([' ', '\t']).len() == key.len();
        (fits && legal && trimmed).then(|| Self(Secret::new(key.to_owned())))
    }

    /// Whether it may be guessed: a key of fewer than [`SECRET_KEY_SAFE_BYTES`] was made up by a person.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.expose().len() < SECRET_KEY_SAFE_BYTES
    }

    /// Whether `presented` is this key. Compares in constant time, through hashes of equal length.
    #[must_use]
    pub fn matches(&self, presented: &[u8]) -> bool {
        let ours = Sha256::digest(self.expose().as_bytes());
        let theirs = Sha256::digest(presented);
        ours.ct_eq(&theirs).into()
    }

    /// Returns a key for one purpose, which tells nothing about this key or about those for other purposes (HKDF with
    /// SHA-256, RFC 5869). Another secret key has other derived keys.
    ///
    /// # Panics
    ///
    /// Never: 32 bytes are a length that HKDF allows.
    #[must_use]
    pub fn derive(&self, purpose: Purpose) -> DerivedKey {
        let mut key = [0; 32];
        let hkdf = Hkdf::<Sha256>::new(None, self.expose().as_bytes());
        hkdf.expand(purpose.label().as_bytes(), &mut key).expect("a length that HKDF allows");
        DerivedKey(Secret::new(key))
    }

    /// Returns the key in the clear, for `heartbeat gen-key`.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// What a [`DerivedKey`] is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Signatures of the owner's sessions in browsers.
    Session,
    /// Hashes of pairing codes.
    PairingCode,
    /// Signatures of links in notifications.
    Link,
}

impl Purpose {
    /// The `info` of HKDF. Never changes: everything signed would be void.
    fn label(self) -> &'static str {
        match self {
            Self::Session => "heartbeat session 1",
            Self::PairingCode => "heartbeat pairing code 1",
            Self::Link => "heartbeat link 1",
        }
    }
}

/// A key for one purpose, derived from the owner's secret key.
#[derive(Debug, Clone)]
pub struct DerivedKey(Secret<[u8; 32]>);

impl DerivedKey {
    /// Returns the HMAC-SHA256 of `message` (RFC 2104).
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 32] {
        self.mac(message).finalize().into_bytes().into()
    }

    /// Whether `signature` is that of `message`. Compares in constant time.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.mac(message).verify_slice(signature).is_ok()
    }

    /// Whether `signature` is the beginning of that of `message`. Compares in constant time.
    #[must_use]
    pub fn verify_left(&self, message: &[u8], signature: &[u8]) -> bool {
        self.mac(message).verify_truncated_left(signature).is_ok()
    }

    fn mac(&self, message: &[u8]) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(self.0.expose()).expect("a key of any length");
        mac.chain_update(message)
    }
}

/// Returns `N` random bytes as URL-safe base64 without padding (RFC 4648, section 5).
fn random_text<const N: usize>(rng: &mut impl CryptoRng) -> String {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use rand::{rand_core::UnwrapErr, rngs::SysRng};

    use super::*;

    #[test]
    fn derived_keys_differ_by_secret_key_and_purpose() {
        let key = SecretKey::parse("a secret key").expect("valid");
        let other = SecretKey::parse("another secret key").expect("valid");
        let session = key.derive(Purpose::Session);
        let signature = session.sign(b"message");
        assert!(key.derive(Purpose::Session).verify(b"message", &signature));
        assert!(!session.verify(b"massage", &signature) && !session.verify(b"message", &signature[..31]));
        for wrong in [key.derive(Purpose::PairingCode), other.derive(Purpose::Session)] {
            assert!(!wrong.verify(b"message", &signature));
        }
    }

    #[test]
    fn tokens_are_recognizable_hold_256_bits_and_never_repeat() {
        let rng = &mut UnwrapErr(SysRng);
        let (one, other) = (Token::generate(rng), Token::generate(rng));

        assert_ne!(one.expose(), other.expose());
        assert_ne!(one.hash(), other.hash());
        let random = one.expose().strip_prefix("hbt_").expect("the prefix");
        assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(random).expect("base64").len() * 8, 256);
    }

    #[test]
    fn a_token_hashes_to_what_sha256_gives_for_its_text() {
        // The first test vector of FIPS 180-2, appendix B.
        let hash = TokenHash::of(b"abc");
        assert_eq!(&hash.as_bytes()[..4], &[0xba, 0x78, 0x16, 0xbf]);
    }

    #[test]
    fn nothing_secret_can_be_printed() {
        let rng = &mut UnwrapErr(SysRng);
        let (token, key) = (Token::generate(rng), SecretKey::generate(rng));
        assert_eq!(format!("{token:?} {key:?}"), "Token([secret]) SecretKey([secret])");
    }

    #[test]
    fn a_generated_key_is_64_url_safe_characters_and_legal() {
        let key = SecretKey::generate(&mut UnwrapErr(SysRng));
        let text = key.expose();
        assert_eq!(text.len(), 64);
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        assert_eq!(SecretKey::parse(text), Some(key));
    }

    #[test]
    fn keys_that_no_header_can_carry_are_refused() {
        let longest = "k".repeat(256);
        for legal in ["k", "two words", "tab\tinside", "schlüssel", &longest] {
            assert!(SecretKey::parse(legal).is_some(), "{legal:?}");
        }
        let too_long = "k".repeat(257);
        for illegal in ["", " leading", "trailing\t", "line\nbreak", "nul\0", "\u{7f}", &too_long] {
            assert!(SecretKey::parse(illegal).is_none(), "{illegal:?}");
        }
    }

    #[test]
    fn only_the_very_key_matches() {
        let key = SecretKey::parse("correct horse").expect("legal");
        assert!(key.matches(b"correct horse"));
        for wrong in [&b""[..], b"correct", b"correct horse battery", b"Correct horse"] {
            assert!(!key.matches(wrong), "{wrong:?}");
        }
    }
}
