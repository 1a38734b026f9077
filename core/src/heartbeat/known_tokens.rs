//! Tokens that this process has made, or whose beats it has recorded, and editor keys that it has found valid. Queues keep
//! room for them.

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
};

use crate::token::TokenHash;

/// Maximum number of tokens, more than people have devices. Those that were replaced stay until it is reached.
const MAX_TOKENS: usize = 10_000;

/// Tokens that are known to be, or to have been, a device's. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownTokens(Arc<RwLock<HashSet<TokenHash>>>);

impl KnownTokens {
    pub(super) fn contains(&self, token: &TokenHash) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(token)
    }

    /// Adds a token. Where there are too many, all have to show themselves again.
    pub(super) fn insert(&self, token: TokenHash) {
        let mut tokens = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= MAX_TOKENS {
            tokens.clear();
        }
        tokens.insert(token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_tokens_is_bounded() {
        let tokens = KnownTokens::default();
        for number in 0..=MAX_TOKENS {
            tokens.insert(TokenHash::of(number.to_string().as_bytes()));
        }
        assert_eq!(tokens.0.read().expect("nothing panics").len(), 1);
        assert!(tokens.contains(&TokenHash::of(MAX_TOKENS.to_string().as_bytes())));
    }
}
