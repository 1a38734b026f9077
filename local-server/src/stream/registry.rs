//! The registry of viewers, which delivers commands to their connections: the counterpart of API Gateway on AWS.

use std::{
    collections::{BTreeSet, HashMap, HashSet, hash_map::Entry},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::extract::ws::Utf8Bytes;
use heartbeat_core::metrics::IntGauge;
use tokio::sync::watch;

/// Maximum number of viewers that were told to make room, and have not yet. There may be so many more than allowed, for
/// which file descriptors are reserved.
const MAX_EVICTED: usize = 32;

/// Registry of all viewers.
#[derive(Debug)]
pub(super) struct ViewerRegistry(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Maximum number of simultaneous viewers.
    max_viewers: usize,
    /// Maximum number of those from one client IP.
    max_per_client: usize,
    connections: Mutex<Connections>,
    /// Number of viewers.
    count: watch::Sender<usize>,
    /// The same, for Prometheus.
    gauge: IntGauge,
    next: AtomicU64,
}

#[derive(Debug, Default)]
struct Connections {
    inboxes: HashMap<String, Inbox>,
    /// Viewers from each client IP, the oldest first.
    clients: HashMap<IpAddr, BTreeSet<u64>>,
    /// Viewers that were told to make room, and are still there.
    evicted: HashSet<u64>,
    /// Whether the server stops. Connections that register afterwards are closed as well.
    closing: bool,
}

impl Connections {
    /// Number of viewers from a client IP.
    fn number(&self, client: Option<IpAddr>) -> usize {
        client.and_then(|client| self.clients.get(&client)).map_or(0, BTreeSet::len)
    }

    /// Tells the oldest viewer from the client IP with the most of them to make room for one of `client`, unless that
    /// would then have as many. Returns whether there is room.
    fn make_room(&mut self, client: Option<IpAddr>) -> bool {
        let Some((largest, viewers)) = self.clients.iter_mut().max_by_key(|(_, viewers)| viewers.len())
        else {
            return false;
        };
        let (largest, number) = (*largest, viewers.len());
        if self.evicted.len() >= MAX_EVICTED || number <= self.number(client) + 1 {
            return false;
        }
        let Some(oldest) = self.clients.get_mut(&largest).and_then(BTreeSet::pop_first) else { return false };
        self.evicted.insert(oldest);
        if let Some(inbox) = self.inboxes.get(&oldest.to_string()) {
            inbox.put(Command::MakeRoom);
        }
        true
    }

    fn remove(&mut self, id: u64, client: Option<IpAddr>) {
        self.inboxes.remove(&id.to_string());
        self.evicted.remove(&id);
        let Some(client) = client else { return };
        let Entry::Occupied(mut viewers) = self.clients.entry(client) else { return };
        viewers.get_mut().remove(&id);
        if viewers.get().is_empty() {
            viewers.remove();
        }
    }

    fn close_all(&mut self) {
        self.closing = true;
        for inbox in self.inboxes.values() {
            inbox.put(Command::GoAway);
        }
    }
}

/// Inbox of one connection. It holds one command, so a viewer that reads slowly skips frames.
#[derive(Debug, Clone)]
pub(super) struct Inbox(watch::Sender<Command>);

impl Inbox {
    /// Replaces the last command. A connection that is told to close takes no further one.
    pub(super) fn put(&self, command: Command) {
        self.0.send_if_modified(|last| {
            let is_open = !last.is_closing();
            if is_open {
                *last = command;
            }
            is_open
        });
    }
}

/// Command to a connection.
#[derive(Debug, Clone, Default)]
pub(super) enum Command {
    /// No command yet.
    #[default]
    Idle,
    /// Send a frame.
    Send(Utf8Bytes),
    /// Close, as a management call requested.
    Close,
    /// Close, because a viewer from a client IP with fewer of them needs the place.
    MakeRoom,
    /// Close, because the server stops.
    GoAway,
}

impl Command {
    fn is_closing(&self) -> bool {
        matches!(self, Self::Close | Self::MakeRoom | Self::GoAway)
    }
}

/// A registered connection, removed from the registry on drop.
#[derive(Debug)]
pub(super) struct RegisteredViewer {
    /// Number of the connection, which no other one has.
    pub(super) number: u64,
    id: String,
    client: Option<IpAddr>,
    /// Where commands to this connection are put.
    pub(super) inbox: Inbox,
    /// The last command to this connection.
    pub(super) command: watch::Receiver<Command>,
    shared: Arc<Shared>,
}

impl ViewerRegistry {
    /// Creates an empty registry for at most `max_viewers`, and `max_per_client` from one client IP, which keeps `gauge`
    /// at the number of viewers.
    pub(super) fn new(max_viewers: usize, max_per_client: usize, gauge: IntGauge) -> Self {
        Self(Arc::new(Shared {
            max_viewers,
            max_per_client,
            connections: Mutex::default(),
            count: watch::Sender::default(),
            gauge,
            next: AtomicU64::default(),
        }))
    }

    /// Registers a new connection of `client`, if that is known. `None` if there is no room.
    pub(super) fn register(&self, client: Option<IpAddr>) -> Option<RegisteredViewer> {
        let shared = Arc::clone(&self.0);
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        let id = number.to_string();
        let (inbox, command) = watch::channel(Command::Idle);
        let inbox = Inbox(inbox);
        let mut connections = shared.connections();
        if connections.number(client) >= shared.max_per_client {
            return None;
        }
        let is_full = connections.inboxes.len() >= shared.max_viewers + connections.evicted.len();
        if is_full && !connections.make_room(client) {
            return None;
        }
        if let Some(client) = client {
            connections.clients.entry(client).or_default().insert(number);
        }
        if connections.closing {
            inbox.put(Command::GoAway);
        }
        connections.inboxes.insert(id.clone(), inbox.clone());
        drop(connections);
        shared.count.send_modify(|count| *count += 1);
        shared.gauge.inc();
        Some(RegisteredViewer { number, id, client, inbox, command, shared })
    }

    /// Whether a connection has this id.
    pub(super) fn contains(&self, id: &str) -> bool {
        self.0.connections().inboxes.contains_key(id)
    }

    /// Sends a command to a connection; false if none has this id.
    pub(super) fn send(&self, id: &str, command: Command) -> bool {
        let connections = self.0.connections();
        let Some(inbox) = connections.inboxes.get(id) else { return false };
        inbox.put(command);
        true
    }

    /// Closes all connections, and waits until they have ended.
    pub(super) async fn close(&self) {
        self.0.connections().close_all();
        // Fails only if the sender is gone, which `self` holds.
        let _ = self.0.count.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Shared {
    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RegisteredViewer {
    /// Returns the connection id, as the management calls use it.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Waits for a command that closes the connection. Others that come meanwhile are passed over.
    pub(super) async fn closing_command(&mut self) -> Command {
        let command = self.command.wait_for(Command::is_closing).await;
        // Fails only if the sender is gone, which means that the server stops.
        command.map_or(Command::GoAway, |command| command.clone())
    }
}

impl Drop for RegisteredViewer {
    fn drop(&mut self) {
        self.shared.connections().remove(self.number, self.client);
        self.shared.count.send_modify(|count| *count -= 1);
        self.shared.gauge.dec();
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use heartbeat_core::metrics::ProcessMetrics;

    use super::*;

    fn client(number: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(number))
    }

    #[test]
    fn the_client_with_the_most_viewers_makes_room() {
        let metrics = ProcessMetrics::default();
        let registry = ViewerRegistry::new(4, 3, metrics.viewers.clone());
        let greedy: Vec<_> = (0..3).filter_map(|_| registry.register(Some(client(1)))).collect();
        let modest = registry.register(Some(client(2))).expect("a place");
        assert!(registry.register(Some(client(1))).is_none(), "more than its share");
        let newcomer = registry.register(Some(client(3))).expect("a place");
        assert!(matches!(*greedy[0].command.borrow(), Command::MakeRoom));
        assert!(matches!(*modest.command.borrow(), Command::Idle));
        // No client has more than one viewer more than this one would have: they would only take turns.
        assert!(registry.register(Some(client(3))).is_none());
        assert_eq!(metrics.viewers.get(), 5);
        drop((greedy, modest, newcomer));
        assert_eq!(metrics.viewers.get(), 0);
        let connections = registry.0.connections();
        assert!(connections.clients.is_empty() && connections.evicted.is_empty());
    }

    #[tokio::test]
    async fn a_viewer_that_waits_for_a_frame_hears_that_it_must_make_room() {
        let registry = ViewerRegistry::new(1, 2, ProcessMetrics::default().viewers);
        let mut viewer = registry.register(Some(client(1))).expect("a place");
        {
            let mut waiting = std::pin::pin!(viewer.closing_command());
            for _ in 0..2 {
                tokio::select! {
                    biased;
                    command = &mut waiting => panic!("{command:?}"),
                    () = std::future::ready(()) => {}
                }
                registry.send("0", Command::Send("{}".into()));
            }
        }
        registry.send("0", Command::MakeRoom);
        assert!(matches!(viewer.closing_command().await, Command::MakeRoom));
    }
}
