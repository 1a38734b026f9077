//! Responses that are rendered once for all who ask meanwhile.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::time::Instant;

/// Number of URLs whose last response is kept. Clients choose the URLs, so memory needs a bound; beyond it, all are forgotten.
const MAX_ENTRIES: usize = 256;

/// The last response of each URL, with the time at which its rendering began.
#[derive(Debug)]
pub(crate) struct SingleFlight<R>(Mutex<HashMap<String, Flight<R>>>);

/// Who renders holds the lock.
type Flight<R> = Arc<tokio::sync::Mutex<Option<(Instant, R)>>>;

impl<R> Default for SingleFlight<R> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<R: Clone> SingleFlight<R> {
    /// Returns what `render` returns, an error included, or what another caller's did for the same URL if that began after this
    /// call. Where many call, each waits for two at most.
    pub(crate) async fn run(&self, url: &str, render: impl Future<Output = R>) -> R {
        let called_at = Instant::now();
        let flight = self.flight(url);
        let mut last = flight.lock().await;
        if let Some((_, response)) = last.as_ref().filter(|(begun_at, _)| *begun_at > called_at) {
            return response.clone();
        }
        let begun_at = Instant::now();
        let response = render.await;
        *last = Some((begun_at, response.clone()));
        response
    }

    fn flight(&self, url: &str) -> Flight<R> {
        // Nothing panics while it holds the lock.
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if flights.len() >= MAX_ENTRIES && !flights.contains_key(url) {
            flights.clear();
        }
        Arc::clone(flights.entry(url.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn those_who_call_meanwhile_share_the_next_response() {
        let (flights, count, permits) = (SingleFlight::default(), AtomicU32::new(0), Semaphore::new(0));
        let render = || async {
            let number = count.fetch_add(1, SeqCst) + 1;
            permits.acquire().await.expect("an open semaphore").forget();
            number
        };
        let calls = futures_util::future::join_all((0..5).map(|_| flights.run("/", render())));
        let other = flights.run("/stats", render());
        let (shared, other, ()) = tokio::join!(calls, other, async { permits.add_permits(6) });
        // The first began before the others called.
        assert_eq!((shared, other), (vec![1, 3, 3, 3, 3], 2));
        permits.add_permits(1);
        assert_eq!(flights.run("/", render()).await, 4);
    }
}
