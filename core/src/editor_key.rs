//! Editor keys: second credentials of devices, for editors whose plugins speak WakaTime's protocol.
//!
//! Those clients refuse a key that is not a UUID, so a device's token will not do. A key is as good as a token where
//! editors send beats, and good for nothing else.

use rand::CryptoRng;
use uuid::Builder;

use crate::{secret::Secret, token::TokenHash};

/// Prefix that WakaTime's newer keys have and that its older clients refuse. It is not part of a key.
const WAKATIME_PREFIX: &[u8] = b"waka_";

/// An editor key in the clear: a UUID (version 4). Shown once, when it is generated.
#[derive(Debug, Clone)]
pub struct EditorKey(Secret<String>);

impl EditorKey {
    /// Generates a key of 122 random bits, which is what a UUID holds.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Self(Secret::new(Builder::from_random_bytes(bytes).into_uuid().to_string()))
    }

    /// Returns the key in the clear, for the owner.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Returns the hash of this key, which is all that the database stores.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        hash_of_key(self.expose().as_bytes())
    }
}

/// What an editor presents: the token of a device or its editor key. Only the database knows which, and whether it is
/// valid.
#[derive(Debug, Clone, Copy)]
pub struct EditorCredential {
    token: TokenHash,
    key: TokenHash,
}

impl EditorCredential {
    /// Hashes a credential as a client presented it.
    #[must_use]
    pub fn of(presented: &[u8]) -> Self {
        Self { token: TokenHash::of(presented), key: hash_of_key(presented) }
    }

    /// Returns its hash, taken for a token.
    #[must_use]
    pub fn as_token(&self) -> &TokenHash {
        &self.token
    }

    /// Returns its hash, taken for an editor key.
    #[must_use]
    pub fn as_key(&self) -> &TokenHash {
        &self.key
    }
}

/// Hashes a key in the one way in which it is stored: UUIDs are the same in any case, and with or without the prefix.
fn hash_of_key(presented: &[u8]) -> TokenHash {
    let key = presented.to_ascii_lowercase();
    TokenHash::of(key.strip_prefix(WAKATIME_PREFIX).unwrap_or(&key))
}

#[cfg(test)]
mod tests {
    use rand::{rand_core::UnwrapErr, rngs::SysRng};
    use uuid::{Uuid, Variant};

    use super::*;

    #[test]
    fn keys_are_random_uuids_of_version_4_in_small_letters() {
        let rng = &mut UnwrapErr(SysRng);
        let (one, other) = (EditorKey::generate(rng), EditorKey::generate(rng));
        assert_ne!(one.expose(), other.expose());
        let uuid: Uuid = one.expose().parse().expect("a UUID");
        assert_eq!((uuid.get_version_num(), uuid.get_variant()), (4, Variant::RFC4122));
        assert_eq!(uuid.hyphenated().to_string(), one.expose());
    }

    #[test]
    fn a_key_matches_in_any_case_and_with_the_prefix_of_wakatime() {
        let key = EditorKey::generate(&mut UnwrapErr(SysRng));
        let text = key.expose();
        for presented in
            [text.to_owned(), text.to_uppercase(), format!("waka_{text}"), format!("WAKA_{text}")]
        {
            assert_eq!(*EditorCredential::of(presented.as_bytes()).as_key(), key.hash(), "{presented}");
        }
        for wrong in [format!("waka_waka_{text}"), format!("waka{text}"), text[1..].to_owned()] {
            assert_ne!(*EditorCredential::of(wrong.as_bytes()).as_key(), key.hash(), "{wrong}");
        }
    }

    #[test]
    fn a_token_is_taken_as_it_is() {
        let credential = EditorCredential::of(b"waka_ABC");
        assert_eq!(*credential.as_token(), TokenHash::of(b"waka_ABC"));
    }

    #[test]
    fn a_key_cannot_be_printed() {
        let key = EditorKey::generate(&mut UnwrapErr(SysRng));
        assert_eq!(format!("{key:?}"), "EditorKey([secret])");
    }
}
