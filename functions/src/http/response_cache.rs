//! Response cache. Equal revisions of the stats make equal responses, so one is rendered for many clients.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use heartbeat_core::heartbeat::Revision;

/// Number of responses in the cache. Clients choose the URLs, so memory needs a bound.
const MAX_ENTRIES: usize = 256;

/// Longest URL whose response is cached.
const KEY_MAX_BYTES: usize = 1024;

/// Responses by URL, each with the revision of the stats that it shows. When the cache is full, it is cleared.
#[derive(Debug)]
pub(crate) struct ResponseCache<R>(Mutex<HashMap<String, (Revision, R)>>);

impl<R> Default for ResponseCache<R> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<R: Clone> ResponseCache<R> {
    /// Returns the response for this URL and revision.
    pub(crate) fn get(&self, url: &str, revision: Revision) -> Option<R> {
        let entries = self.lock();
        let (_, response) = entries.get(url).filter(|(cached, _)| *cached == revision)?;
        Some(response.clone())
    }

    /// Inserts a response, in place of the one for an older revision.
    pub(crate) fn insert(&self, url: &str, revision: Revision, response: R) {
        if url.len() > KEY_MAX_BYTES {
            return;
        }
        let mut entries = self.lock();
        if entries.len() >= MAX_ENTRIES {
            entries.clear();
        }
        entries.insert(url.to_owned(), (revision, response));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Revision, R)>> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
