//! Response cache. Equal versions make equal responses, so one is rendered for many clients.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use heartbeat_core::heartbeat::Revision;
use time::OffsetDateTime;

use super::problem::Problem;
use crate::App;

/// Number of responses in the cache. Clients choose the URLs, so memory needs a bound.
const MAX_ENTRIES: usize = 256;

/// Longest URL whose response is cached.
const KEY_MAX_BYTES: usize = 1024;

/// Version of what shows the history: the revision of the stats, and the second in which it was rendered. The history and the
/// settings may change while the stats do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HistoryVersion {
    revision: Revision,
    second: i64,
}

impl HistoryVersion {
    /// Returns the version at the time `now`.
    pub(crate) async fn at(now: OffsetDateTime, app: &App) -> Result<Self, Problem> {
        Ok(Self { revision: app.heartbeat.revision(now).await?, second: now.unix_timestamp() })
    }
}

/// Responses by URL, each with the version of what it shows, by default the revision of the stats. When the cache is full, it is
/// cleared.
#[derive(Debug)]
pub(crate) struct ResponseCache<R, V = Revision>(Mutex<HashMap<String, (V, R)>>);

impl<R, V> Default for ResponseCache<R, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<R: Clone, V: Copy + PartialEq> ResponseCache<R, V> {
    /// Returns the response for this URL and version.
    pub(crate) fn get(&self, url: &str, version: V) -> Option<R> {
        let entries = self.lock();
        let (_, response) = entries.get(url).filter(|(cached, _)| *cached == version)?;
        Some(response.clone())
    }

    /// Inserts a response, in place of the one for an older version.
    pub(crate) fn insert(&self, url: &str, version: V, response: R) {
        if url.len() > KEY_MAX_BYTES {
            return;
        }
        let mut entries = self.lock();
        if entries.len() >= MAX_ENTRIES {
            entries.clear();
        }
        entries.insert(url.to_owned(), (version, response));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (V, R)>> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
