//! Reads the stats from the database, single-flight: callers that come while a read is under way share its
//! outcome. Beats do not wait for it, nor it for them.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{FutureExt, future::Shared};
use tokio::sync::oneshot;
use tracing::Instrument;

use super::stats_cache::StatsCache;
use crate::{Clock, Error, publication::Publication, stats::StoredStats};

/// A read under way, or the last one.
type Flight = Shared<oneshot::Receiver<Result<(), Error>>>;

/// Where the stats are read from.
pub(super) trait StatsSource: Clone + Send + Sync + 'static {
    /// Reads the stored stats as of one moment.
    fn read_stats(&self) -> impl Future<Output = Result<StoredStats, Error>> + Send;
}

impl StatsSource for Publication {
    async fn read_stats(&self) -> Result<StoredStats, Error> {
        self.read().await
    }
}

/// Refreshes the stats cache. Clones share the read under way.
#[derive(Debug, Clone)]
pub(super) struct Refresher<S = Publication> {
    source: S,
    cache: Arc<StatsCache>,
    clock: Clock,
    flight: Arc<Mutex<Option<Flight>>>,
}

impl<S: StatsSource> Refresher<S> {
    pub(super) fn new(source: S, cache: Arc<StatsCache>, clock: Clock) -> Self {
        Self { source, cache, clock, flight: Arc::default() }
    }

    /// Makes the cached stats recent enough to be shown.
    pub(super) async fn refresh(&self) -> Result<(), Error> {
        let (flight, shared) = self.join();
        finish(flight).await?;
        if shared && !self.cache.is_fresh((self.clock)()) {
            // That read began before this caller came, perhaps before what the caller has to see.
            finish(self.join().0).await?;
        }
        Ok(())
    }

    /// The read under way and `true`, or a new one. It runs in a task of its own: callers may go.
    fn join(&self) -> (Flight, bool) {
        let mut flight = self.flight.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(under_way) = flight.as_ref().filter(|flight| flight.peek().is_none()) {
            return (under_way.clone(), true);
        }
        let (done, outcome) = oneshot::channel();
        let refresher = self.clone();
        // Its log lines belong to the request that it was started for.
        tokio::spawn(async move { done.send(refresher.read().await) }.in_current_span());
        let outcome = outcome.shared();
        *flight = Some(outcome.clone());
        (outcome, false)
    }

    async fn read(&self) -> Result<(), Error> {
        // A read that ended just now was enough.
        let asked_at = (self.clock)();
        if self.cache.is_fresh(asked_at) {
            return Ok(());
        }
        self.cache.begin_read();
        match self.source.read_stats().await {
            Ok(stored) => {
                self.cache.replace(stored, asked_at, (self.clock)());
                Ok(())
            }
            Err(error) => {
                self.cache.cancel_read();
                Err(error)
            }
        }
    }
}

/// Waits for the outcome of a read. An error of the channel says that the task was dropped with its tokio runtime.
async fn finish(flight: Flight) -> Result<(), Error> {
    flight.await.unwrap_or(Err(Error::Unavailable))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

    use time::OffsetDateTime;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::{database::beats::CountedDevice, settings::Choices};

    fn clock() -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH
    }

    /// Stats whose visits are the number of the read. A read begins with a permit of `begin`, and ends with one of
    /// `end`.
    #[derive(Clone)]
    struct Numbered(Arc<(AtomicI64, Semaphore)>);

    impl Numbered {
        fn reads(&self) -> i64 {
            self.0.0.load(SeqCst)
        }

        fn finish_one(&self) {
            self.0.1.add_permits(1);
        }
    }

    impl StatsSource for Numbered {
        async fn read_stats(&self) -> Result<StoredStats, Error> {
            let visits = self.0.0.fetch_add(1, SeqCst) + 1;
            self.0.1.acquire().await.expect("an open semaphore").forget();
            let (as_of, started_at) = (clock(), clock());
            Ok(StoredStats {
                as_of,
                started_at,
                visits,
                longest_absence: 0,
                chosen: Choices::default(),
                published: None,
                devices: Vec::new(),
            })
        }
    }

    fn refresher() -> (Refresher<Numbered>, Numbered, Arc<StatsCache>) {
        let source = Numbered(Arc::new((AtomicI64::new(0), Semaphore::new(0))));
        let cache = Arc::new(StatsCache::default());
        (Refresher::new(source.clone(), Arc::clone(&cache), clock), source, cache)
    }

    /// Starts a refresh, which runs up to the point where it waits.
    async fn start(refresher: &Refresher<Numbered>) -> tokio::task::JoinHandle<Result<(), Error>> {
        let refresher = refresher.clone();
        let refresh = tokio::spawn(async move { refresher.refresh().await });
        settle().await;
        refresh
    }

    /// Lets all tasks of the test's one thread run as far as they can.
    async fn settle() {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    fn visits(cache: &StatsCache) -> i64 {
        cache.snapshot(clock()).expect("stats").stats.num_visits
    }

    #[tokio::test]
    async fn callers_share_a_read_that_shows_what_they_need() {
        let (refresher, source, cache) = refresher();
        let (first, second) = (start(&refresher).await, start(&refresher).await);
        source.finish_one();
        for refresh in [first, second] {
            assert_eq!(refresh.await.expect("a result"), Ok(()));
        }
        assert_eq!((source.reads(), visits(&cache)), (1, 1));
    }

    #[tokio::test]
    async fn a_caller_does_not_trust_a_read_that_began_before_what_it_needs_to_see() {
        let (refresher, source, cache) = refresher();
        let first = start(&refresher).await;
        // A device that this process has not heard of beats, so the read under way may lack it.
        cache.count(&[CountedDevice {
            id: 7,
            token_hash: Vec::new(),
            num_beats: 1,
            last_beat: clock(),
            recorded_at: clock(),
            longest_absence: None,
            moved_stats: false,
            queued_events: false,
            beats_wanted: None,
        }]);
        let second = start(&refresher).await;
        source.finish_one();
        assert_eq!(first.await.expect("a result"), Ok(()));
        settle().await;
        assert!(!second.is_finished());
        source.finish_one();
        assert_eq!(second.await.expect("a result"), Ok(()));
        assert_eq!((source.reads(), visits(&cache)), (2, 2));
    }
}
