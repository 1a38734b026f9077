//! Answers that were made just now. Until the figures change, and the second, the next one's is the same.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use heartbeat_core::heartbeat::Revision;

/// Answers that are kept. Strangers choose what is asked for, so there must be a limit.
const MAX_ENTRIES: usize = 256;

/// Bytes that the address of an answer that is kept may have.
const KEY_MAX_BYTES: usize = 1024;

/// The last answers by what was asked for.
#[derive(Debug)]
pub(crate) struct ResponseCache<A>(Mutex<HashMap<String, (Revision, A)>>);

impl<A> Default for ResponseCache<A> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<A: Clone> ResponseCache<A> {
    /// The answer that was made of these figures.
    pub(crate) fn get(&self, asked: &str, revision: Revision) -> Option<A> {
        let answers = self.answers();
        let (_, answer) = answers.get(asked).filter(|(made_of, _)| *made_of == revision)?;
        Some(answer.clone())
    }

    /// Keeps an answer.
    pub(crate) fn keep(&self, asked: &str, revision: Revision, answer: A) {
        if asked.len() > KEY_MAX_BYTES {
            return;
        }
        let mut answers = self.answers();
        if answers.len() >= MAX_ENTRIES {
            answers.clear();
        }
        answers.insert(asked.to_owned(), (revision, answer));
    }

    fn answers(&self) -> MutexGuard<'_, HashMap<String, (Revision, A)>> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
