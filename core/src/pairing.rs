//! Pairing codes: what a person types on a device, or has its camera read, to get a token for it.
//!
//! A code is short, so it lives ten minutes, and wrong ones are counted. It may be redeemed several times, as an answer
//! can be lost: each time it offers one more token, of which the first one that beats becomes the token of the device.

use std::fmt;

use rand::CryptoRng;
use time::OffsetDateTime;

use crate::{secret::Secret, token::DerivedKey};

/// Characters of codes: no vowels, which could spell words, and nothing that is easily taken for something else. Y is
/// missing as it is a vowel in many languages.
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// Number of characters in a code: 34 bits, of which ten guesses a minute find one in 256 million within ten minutes.
const CODE_CHARS: usize = 8;

/// Random bytes from here on are drawn again, so that each character is as likely as any other.
const BYTE_END: u8 = 240;

/// A pairing code in the clear.
#[derive(Clone, PartialEq, Eq)]
pub struct PairingCode(Secret<String>);

impl PairingCode {
    /// Generates a code.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut code = String::with_capacity(CODE_CHARS);
        let mut byte = [0];
        while code.len() < CODE_CHARS {
            rng.fill_bytes(&mut byte);
            if byte[0] < BYTE_END {
                code.push(ALPHABET[usize::from(byte[0]) % ALPHABET.len()].into());
            }
        }
        Self(Secret::new(code))
    }

    /// Parses a code as typed: case, whitespace and dashes do not matter. `None` if it cannot be one.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let mut code = String::with_capacity(CODE_CHARS);
        for character in typed.chars().filter(|char| !char.is_whitespace() && !is_dash(*char)) {
            let upper = character.to_ascii_uppercase();
            let is_of_code = u8::try_from(upper).is_ok_and(|byte| ALPHABET.contains(&byte));
            if !is_of_code || code.len() == CODE_CHARS {
                return None;
            }
            code.push(upper);
        }
        (code.len() == CODE_CHARS).then(|| Self(Secret::new(code)))
    }

    /// Returns the hash of this code, which is all that the database stores. There are few enough codes to try them all,
    /// so that it takes a key, which the database does not know.
    #[must_use]
    pub fn hash(&self, key: &DerivedKey) -> CodeHash {
        CodeHash(key.sign(self.0.expose().as_bytes()))
    }
}

/// Whether it is a dash, such as keyboards of phones make of two hyphens.
fn is_dash(character: char) -> bool {
    matches!(character, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe63}' | '\u{ff0d}')
}

/// As people read it: in two halves.
impl fmt::Display for PairingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = self.0.expose().split_at(CODE_CHARS / 2);
        write!(f, "{start}-{end}")
    }
}

impl fmt::Debug for PairingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PairingCode").field(&self.0).finish()
    }
}

/// Hash of a [`PairingCode`] under the key of one secret key: codes that were made under another one match nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeHash([u8; 32]);

impl CodeHash {
    /// Returns the 32 bytes of the hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What became of the last pairing code of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairingState {
    /// It was not redeemed yet.
    Waiting {
        /// When it expires.
        expires_at: OffsetDateTime,
    },
    /// It was redeemed, and no token that it gave has beaten yet.
    Redeemed,
    /// A token that it gave has beaten, and is the device's now.
    Used,
    /// It was not redeemed in time.
    Expired,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::{rand_core::UnwrapErr, rngs::SysRng};

    use super::*;
    use crate::token::{Purpose, SecretKey};

    #[test]
    fn codes_are_random_and_of_the_alphabet() {
        let rng = &mut UnwrapErr(SysRng);
        let codes: Vec<_> = (0..1_000).map(|_| PairingCode::generate(rng).to_string()).collect();
        assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len());
        let used: BTreeSet<u8> = codes.iter().flat_map(|code| code.bytes()).collect();
        let expected: BTreeSet<u8> = ALPHABET.iter().copied().chain([b'-']).collect();
        assert_eq!(used, expected);
        assert!(codes.iter().all(|code| code.len() == 9 && code.as_bytes()[4] == b'-'));
    }

    #[test]
    fn case_blanks_and_dashes_do_not_matter() {
        let code = PairingCode::parse("BCDFGHJK").expect("a code");
        assert_eq!(code.to_string(), "BCDF-GHJK");
        for typed in
            ["BCDF-GHJK", " bcdf ghjk\n", "b-c-d-f-g-h-j-k", "bcdf\u{2013}GHJK", "BCDF\u{a0}\u{2014}ghjk"]
        {
            assert_eq!(PairingCode::parse(typed), Some(code.clone()), "{typed:?}");
        }
    }

    #[test]
    fn nothing_else_is_a_code() {
        for typed in [
            "",
            "-",
            "BCDF-GHJ",
            "BCDF-GHJKL",
            "BCDF-GHJA",
            "BCDF-GHJ8",
            "BCDF_GHJK",
            "BCDF-GHJ\u{212a}",
            "ßßßßßßßß",
        ] {
            assert_eq!(PairingCode::parse(typed), None, "{typed:?}");
        }
    }

    #[test]
    fn hashes_depend_on_code_and_key_and_codes_are_not_printed() {
        let key = |text| SecretKey::parse(text).expect("legal").derive(Purpose::PairingCode);
        let code = PairingCode::parse("BCDF-GHJK").expect("a code");
        let other = PairingCode::parse("BCDF-GHJL").expect("a code");
        assert_eq!(code.hash(&key("one")), code.hash(&key("one")));
        assert_ne!(code.hash(&key("one")), code.hash(&key("two")));
        assert_ne!(code.hash(&key("one")), other.hash(&key("one")));
        assert_eq!(format!("{code:?}"), "PairingCode([secret])");
    }
}
