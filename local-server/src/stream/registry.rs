//! The registry of viewers, which delivers commands to their connections: the counterpart of API Gateway on AWS.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::watch;

/// Registry of all viewers.
#[derive(Debug, Default)]
pub(super) struct ViewerRegistry(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Maximum number of simultaneous viewers.
    max_viewers: usize,
    /// Maximum number of those from one client IP.
    max_per_client: usize,
    connections: Mutex<Connections>,
    /// Number of viewers.
    count: watch::Sender<usize>,
    next: AtomicU64,
}

#[derive(Debug, Default)]
struct Connections {
    inboxes: HashMap<String, Inbox>,
    /// Number of viewers from each client IP.
    clients: HashMap<IpAddr, usize>,
    /// Whether the server stops. Connections that register afterwards are closed as well.
    closing: bool,
}

impl Connections {
    fn remove(&mut self, id: &str, client: Option<IpAddr>) {
        self.inboxes.remove(id);
        let Some(client) = client else { return };
        let Entry::Occupied(mut viewers) = self.clients.entry(client) else { return };
        *viewers.get_mut() -= 1;
        if *viewers.get() == 0 {
            viewers.remove();
        }
    }

    fn close_all(&mut self) {
        self.closing = true;
        for inbox in self.inboxes.values() {
            inbox.send_replace(Command::GoAway);
        }
    }
}

/// Inbox of one connection. It holds one command, so a viewer that reads slowly skips frames.
type Inbox = watch::Sender<Command>;

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
    /// Close, because the server stops.
    GoAway,
}

/// A registered connection, removed from the registry on drop.
#[derive(Debug)]
pub(super) struct RegisteredViewer {
    id: String,
    client: Option<IpAddr>,
    /// The last command to this connection.
    pub(super) command: watch::Receiver<Command>,
    shared: Arc<Shared>,
}

impl ViewerRegistry {
    /// Creates an empty registry for at most `max_viewers`, and `max_per_client` from one client IP.
    pub(super) fn new(max_viewers: usize, max_per_client: usize) -> Self {
        Self(Arc::new(Shared { max_viewers, max_per_client, ..Shared::default() }))
    }

    /// Registers a new connection of `client`, if that is known. `None` if a maximum is reached.
    pub(super) fn register(&self, client: Option<IpAddr>) -> Option<RegisteredViewer> {
        let shared = Arc::clone(&self.0);
        let id = shared.next.fetch_add(1, Ordering::Relaxed).to_string();
        let (inbox, command) = watch::channel(Command::Idle);
        let mut connections = shared.connections();
        if connections.inboxes.len() >= shared.max_viewers {
            return None;
        }
        if let Some(client) = client {
            let viewers = connections.clients.entry(client).or_default();
            if *viewers >= shared.max_per_client {
                return None;
            }
            *viewers += 1;
        }
        if connections.closing {
            inbox.send_replace(Command::GoAway);
        }
        connections.inboxes.insert(id.clone(), inbox);
        drop(connections);
        shared.count.send_modify(|count| *count += 1);
        Some(RegisteredViewer { id, client, command, shared })
    }

    /// Whether a connection has this id.
    pub(super) fn contains(&self, id: &str) -> bool {
        self.0.connections().inboxes.contains_key(id)
    }

    /// Sends a command to a connection; false if none has this id.
    pub(super) fn send(&self, id: &str, command: Command) -> bool {
        let connections = self.0.connections();
        let Some(inbox) = connections.inboxes.get(id) else { return false };
        inbox.send_if_modified(|last| {
            // A connection that is told to close takes no further command.
            let is_open = !matches!(last, Command::Close | Command::GoAway);
            if is_open {
                *last = command;
            }
            is_open
        });
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

    /// Waits until the server stops.
    pub(super) async fn wait_for_go_away(&mut self) {
        // Fails only if the sender is gone, which means the same.
        let _ = self.command.wait_for(|command| matches!(command, Command::GoAway)).await;
    }
}

impl Drop for RegisteredViewer {
    fn drop(&mut self) {
        self.shared.connections().remove(&self.id, self.client);
        self.shared.count.send_modify(|count| *count -= 1);
    }
}
