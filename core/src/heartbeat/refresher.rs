//! Reads the stats from the database, single-flight: callers that come while a read is under way share its
//! outcome. Beats do not wait for it, nor it for them.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{FutureExt, future::Shared};
use tokio::sync::oneshot;
use tracing::Instrument;

use super::stats_cache::StatsCache;
use crate::{
    Clock, Error,
    database::{Reads, stats},
};

/// A read under way, or the last one.
type Flight = Shared<oneshot::Receiver<Result<(), Error>>>;

/// Refreshes the stats cache. Clones share the read under way.
#[derive(Debug, Clone)]
pub(super) struct Refresher {
    reads: Reads,
    cache: Arc<StatsCache>,
    clock: Clock,
    flight: Arc<Mutex<Option<Flight>>>,
}

impl Refresher {
    pub(super) fn new(reads: Reads, cache: Arc<StatsCache>, clock: Clock) -> Self {
        Self { reads, cache, clock, flight: Arc::default() }
    }

    /// Makes the cached stats recent enough to be shown.
    pub(super) async fn refresh(&self) -> Result<(), Error> {
        // An error says that the task was dropped with its tokio runtime.
        self.join().await.unwrap_or(Err(Error::Unavailable))
    }

    /// The read under way, or a new one. It runs in a task of its own: callers may go.
    fn join(&self) -> Flight {
        let mut flight = self.flight.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(under_way) = flight.as_ref().filter(|flight| flight.peek().is_none()) {
            return under_way.clone();
        }
        let (done, outcome) = oneshot::channel();
        let refresher = self.clone();
        // Its log lines belong to the request that it was started for.
        tokio::spawn(async move { done.send(refresher.read().await) }.in_current_span());
        let outcome = outcome.shared();
        *flight = Some(outcome.clone());
        outcome
    }

    async fn read(&self) -> Result<(), Error> {
        // A read that ended just now was enough.
        let asked_at = (self.clock)();
        if self.cache.is_fresh(asked_at) {
            return Ok(());
        }
        self.cache.begin_read();
        match self.reads.run(stats::read).await {
            Ok(stored) => {
                self.cache.replace(stored, asked_at);
                Ok(())
            }
            Err(error) => {
                self.cache.cancel_read();
                Err(error)
            }
        }
    }
}
