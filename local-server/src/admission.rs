//! Admission of connections: a maximum in all, and a share for each client IP.
//!
//! Where either is used up, a connection that waits for its client makes room for the new one: no stranger can
//! keep places from devices, whose requests follow at once. The victim is found as in the clock algorithm of page
//! caches: connections are visited in turn, and those with a request since the last visit are passed over once.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::Entry},
    net::IpAddr,
    ops::Bound::{Excluded, Unbounded},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use crate::limits::ConnectionLimits;

/// No request so far.
const NONE: u64 = u64::MAX;

/// Admits connections within limits. Clones share the places.
#[derive(Debug, Clone)]
pub(crate) struct Admission(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: ConnectionLimits,
    places: Mutex<Places>,
    /// Whether a connection waits for a place.
    is_awaited: AtomicBool,
    /// Notified when a place may have become free or evictable.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Places {
    open: BTreeMap<u64, Arc<Connection>>,
    clients: HashMap<IpAddr, Group>,
    next_id: u64,
    /// Evicted connections that are still open.
    evicting: usize,
    /// The last connection that was visited in search of a victim.
    hand: u64,
}

/// Connections of one client.
#[derive(Debug, Default)]
struct Group {
    ids: BTreeSet<u64>,
    /// Number of connections of the client that were evicted, and are still open.
    evicting: usize,
}

/// State of one connection.
#[derive(Debug)]
struct Connection {
    /// The client whose share it is part of.
    client: Option<IpAddr>,
    opened: Instant,
    /// When the last request began, in milliseconds since the connection was opened; or [`NONE`].
    last_request: AtomicU64,
    is_handling: AtomicBool,
    was_active: AtomicBool,
    is_evicted: AtomicBool,
    evicted: Notify,
}

/// Result of one attempt to find a place.
enum Attempt {
    Admitted(u64, Arc<Connection>),
    /// Until something changes.
    Wait,
    /// The client's share is in use by requests in progress, or by more evictions than the server keeps up with.
    Refused,
}

impl Admission {
    /// Admits connections within `limits`.
    pub(crate) fn new(limits: ConnectionLimits) -> Self {
        Self(Arc::new(Shared {
            limits,
            places: Mutex::default(),
            is_awaited: AtomicBool::new(false),
            changed: Notify::new(),
        }))
    }

    /// Waits for a place for a connection of `client`, or of one without a share. `None` if its share is in use by
    /// requests in progress, or if it opens connections faster than the server can close those that make room.
    pub(crate) async fn admit(&self, client: Option<IpAddr>) -> Option<Place> {
        loop {
            let mut changed = pin!(self.0.changed.notified());
            changed.as_mut().enable();
            // Connections are accepted one after the other, so no other call awaits a place.
            self.0.is_awaited.store(true, Ordering::SeqCst);
            let attempt = self.0.places().admit(client, &self.0.limits);
            if let Attempt::Wait = attempt {
                changed.await;
                continue;
            }
            self.0.is_awaited.store(false, Ordering::SeqCst);
            return match attempt {
                Attempt::Admitted(id, connection) => {
                    Some(Place { id, connection, shared: Arc::clone(&self.0) })
                }
                Attempt::Wait | Attempt::Refused => None,
            };
        }
    }
}

impl Shared {
    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    /// Admits a connection. One that makes room for it is told to end, and counts no more: all connections that come
    /// after would have to wait for its end.
    fn admit(&mut self, client: Option<IpAddr>, limits: &ConnectionLimits) -> Attempt {
        if let Some(group) = client.and_then(|client| self.clients.get(&client))
            && group.ids.len() >= group.evicting + limits.max_connections_per_client
        {
            let victim = victim(|| group.ids.iter().filter_map(|id| self.open.get_key_value(id)));
            match victim.filter(|_| group.evicting < limits.max_evicting_per_client) {
                Some(id) => self.evict(id),
                None => return Attempt::Refused,
            }
        }
        if self.open.len() >= self.evicting + limits.max_connections {
            let after = || self.open.range((Excluded(self.hand), Unbounded));
            let victim = victim(|| after().chain(self.open.range(..=self.hand)));
            match victim.filter(|_| self.evicting < limits.max_evicting) {
                Some(id) => {
                    self.hand = id;
                    self.evict(id);
                }
                None => return Attempt::Wait,
            }
        }
        self.add(client)
    }

    fn add(&mut self, client: Option<IpAddr>) -> Attempt {
        self.next_id += 1;
        let connection = Arc::new(Connection::new(client));
        self.open.insert(self.next_id, Arc::clone(&connection));
        if let Some(client) = client {
            self.clients.entry(client).or_default().ids.insert(self.next_id);
        }
        Attempt::Admitted(self.next_id, connection)
    }

    /// Tells a connection to end.
    fn evict(&mut self, id: u64) {
        let connection = &self.open[&id];
        connection.is_evicted.store(true, Ordering::SeqCst);
        connection.evicted.notify_one();
        self.evicting += 1;
        if let Some(group) = connection.client.and_then(|client| self.clients.get_mut(&client)) {
            group.evicting += 1;
        }
    }

    fn remove(&mut self, id: u64) {
        let Some(connection) = self.open.remove(&id) else { return };
        let evicted = usize::from(connection.is_evicted.load(Ordering::Relaxed));
        self.evicting -= evicted;
        let Some(client) = connection.client else { return };
        let Entry::Occupied(mut group) = self.clients.entry(client) else { return };
        group.get_mut().ids.remove(&id);
        group.get_mut().evicting -= evicted;
        if group.get().ids.is_empty() {
            group.remove();
        }
    }
}

/// Finds the first connection that may be evicted and had no request since it was last visited; on a second round, the
/// first that may be evicted.
fn victim<'a, I: Iterator<Item = (&'a u64, &'a Arc<Connection>)>>(
    connections: impl Fn() -> I,
) -> Option<u64> {
    let evictable = || connections().filter(|(_, connection)| connection.is_evictable());
    let idle = evictable().find(|(_, connection)| !connection.was_active.swap(false, Ordering::Relaxed));
    idle.or_else(|| evictable().next()).map(|(id, _)| *id)
}

impl Connection {
    fn new(client: Option<IpAddr>) -> Self {
        Self {
            client,
            opened: Instant::now(),
            last_request: AtomicU64::new(NONE),
            is_handling: AtomicBool::new(false),
            // Its first request may be under way.
            was_active: AtomicBool::new(true),
            is_evicted: AtomicBool::new(false),
            evicted: Notify::new(),
        }
    }

    /// Whether it waits for its client: to send a request, or to read a response.
    fn is_evictable(&self) -> bool {
        !self.is_handling.load(Ordering::SeqCst) && !self.is_evicted.load(Ordering::Relaxed)
    }
}

/// The place of a connection, free again on drop.
#[derive(Debug)]
pub(crate) struct Place {
    id: u64,
    connection: Arc<Connection>,
    shared: Arc<Shared>,
}

impl Place {
    /// Waits until the connection must end: because another needs its place, because no request came within
    /// `first_timeout`, or because there was none for `timeout` since the last.
    pub(crate) async fn lost(&self, first_timeout: Duration, timeout: Duration) {
        let stale = async {
            loop {
                let end = self.connection.opened
                    + match self.connection.last_request.load(Ordering::Relaxed) {
                        NONE => first_timeout,
                        milliseconds => Duration::from_millis(milliseconds) + timeout,
                    };
                if end <= Instant::now() {
                    return;
                }
                sleep_until(end).await;
            }
        };
        let evicted = async {
            // A request may have begun since the connection was chosen; its end notifies again.
            loop {
                self.connection.evicted.notified().await;
                if !self.connection.is_handling.load(Ordering::SeqCst) {
                    return;
                }
            }
        };
        tokio::select! {
            () = evicted => {}
            () = stale => {}
        }
    }

    /// Returns what reports the requests of this connection.
    pub(crate) fn requests(&self) -> Requests {
        Requests { connection: Arc::clone(&self.connection), shared: Arc::clone(&self.shared) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.places().remove(self.id);
        self.shared.changed.notify_waiters();
    }
}

/// Reports when a request of a connection begins, and when it was handled.
#[derive(Debug, Clone)]
pub(crate) struct Requests {
    connection: Arc<Connection>,
    shared: Arc<Shared>,
}

impl Requests {
    /// Runs the handler of a request. Its connection is not evicted meanwhile.
    pub(crate) async fn handle<T>(&self, handler: impl Future<Output = T>) -> T {
        let since_opened = self.connection.opened.elapsed().as_millis();
        self.connection
            .last_request
            .store(u64::try_from(since_opened).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.connection.was_active.store(true, Ordering::Relaxed);
        self.connection.is_handling.store(true, Ordering::SeqCst);
        let result = handler.await;
        // In this order, so that either this sees that a place is awaited, or the search for one sees this connection.
        self.connection.is_handling.store(false, Ordering::SeqCst);
        if self.shared.is_awaited.load(Ordering::SeqCst) {
            self.shared.changed.notify_waiters();
        }
        if self.connection.is_evicted.load(Ordering::SeqCst) {
            self.connection.evicted.notify_one();
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    const ALICE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));
    const TEST_TIMEOUT: Duration = Duration::from_mins(1);

    const BOB: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2)));

    const MAX_EVICTING_PER_CLIENT: usize = 4;

    fn admission(max_connections: usize, max_connections_per_client: usize) -> Admission {
        Admission::new(ConnectionLimits {
            max_connections,
            max_connections_per_client,
            max_evicting: 4 * MAX_EVICTING_PER_CLIENT,
            max_evicting_per_client: MAX_EVICTING_PER_CLIENT,
            max_viewers: 0,
            max_viewers_per_client: 0,
        })
    }

    /// Ends when the connection must, and gives its place back.
    fn hold(place: Place) -> tokio::task::JoinHandle<()> {
        tokio::spawn(async move { place.lost(TEST_TIMEOUT, TEST_TIMEOUT).await })
    }

    #[tokio::test]
    async fn the_connection_without_a_recent_request_makes_room() {
        let admission = admission(2, 2);
        let (first, second) = (
            admission.admit(ALICE).await.expect("as the test is made"),
            admission.admit(BOB).await.expect("as the test is made"),
        );
        let requests = first.requests();
        let (first, second) = (hold(first), hold(second));
        let third = hold(admission.admit(None).await.expect("as the test is made"));
        // All had been new; in the second round the oldest went.
        first.await.expect("as the test is made");
        assert!(!second.is_finished());
        drop(requests);
        drop(third);
    }

    #[tokio::test]
    async fn a_connection_with_a_request_in_progress_is_not_evicted() {
        let admission = admission(1, 1);
        let place = admission.admit(ALICE).await.expect("as the test is made");
        let (finish, finished) = oneshot::channel::<()>();
        let requests = place.requests();
        let handling = tokio::spawn(async move { requests.handle(finished).await });
        tokio::task::yield_now().await;
        let held = hold(place);
        // Its share is in use.
        assert!(admission.admit(ALICE).await.is_none());
        // Another client waits until the response is complete.
        let other = tokio::spawn(async move { admission.admit(BOB).await });
        tokio::task::yield_now().await;
        assert!(!other.is_finished());
        finish.send(()).expect("as the test is made");
        handling.await.expect("as the test is made").expect("as the test is made");
        assert!(other.await.expect("as the test is made").is_some());
        held.await.expect("as the test is made");
    }

    #[tokio::test]
    async fn who_opens_connections_faster_than_they_can_be_closed_is_refused() {
        let admission = admission(1_000, 2);
        // None of these notices that it must end.
        let mut places = Vec::new();
        while let Some(place) = admission.admit(ALICE).await {
            places.push(place);
        }
        assert_eq!(places.len(), 2 + MAX_EVICTING_PER_CLIENT);
        assert!(admission.admit(BOB).await.is_some());
    }

    #[tokio::test]
    async fn places_of_closed_connections_are_free_again() {
        let admission = admission(3, 2);
        for _ in 0..10 {
            let places = [
                admission.admit(ALICE).await.expect("as the test is made"),
                admission.admit(ALICE).await.expect("as the test is made"),
            ];
            drop(places);
        }
        assert!(admission.0.places().open.is_empty() && admission.0.places().clients.is_empty());
    }
}
