//! The registry of viewers, and how each can be reached: what API Gateway is in the cloud.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::watch;

/// All viewers.
#[derive(Debug, Default)]
pub(super) struct ViewerRegistry(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Viewers that there may be at a time.
    max_viewers: usize,
    open: Mutex<Open>,
    /// Number of viewers.
    count: watch::Sender<usize>,
    next: AtomicU64,
}

#[derive(Debug, Default)]
struct Open {
    inboxes: HashMap<String, Inbox>,
    /// Whether all are told to go, those that are still to come included.
    closing: bool,
}

impl Open {
    fn tell_all_to_leave(&mut self) {
        self.closing = true;
        for inbox in self.inboxes.values() {
            inbox.send_replace(Posted::Leave);
        }
    }
}

/// Where frames for one connection are put. It holds one: who reads too slowly skips the rest.
type Inbox = watch::Sender<Posted>;

/// What somebody else wants a connection to do.
#[derive(Debug, Clone, Default)]
pub(super) enum Posted {
    /// Nothing yet.
    #[default]
    Nothing,
    /// Send a frame.
    Frame(Utf8Bytes),
    /// End, because somebody wants it to.
    Close,
    /// End, because the server does.
    Leave,
}

/// One connection, known for as long as this is kept.
#[derive(Debug)]
pub(super) struct RegisteredViewer {
    id: String,
    /// What others want of it.
    pub(super) posted: watch::Receiver<Posted>,
    shared: Arc<Shared>,
}

impl ViewerRegistry {
    /// No connections yet, and no more than that at any time.
    pub(super) fn new(max_viewers: usize) -> Self {
        Self(Arc::new(Shared { max_viewers, ..Shared::default() }))
    }

    /// Makes a new connection known, if there is room for one.
    pub(super) fn open(&self) -> Option<RegisteredViewer> {
        let shared = Arc::clone(&self.0);
        let id = shared.next.fetch_add(1, Ordering::Relaxed).to_string();
        let (inbox, posted) = watch::channel(Posted::Nothing);
        let mut open = shared.open();
        if open.inboxes.len() >= shared.max_viewers {
            return None;
        }
        if open.closing {
            inbox.send_replace(Posted::Leave);
        }
        open.inboxes.insert(id.clone(), inbox);
        drop(open);
        shared.count.send_modify(|count| *count += 1);
        Some(RegisteredViewer { id, posted, shared })
    }

    /// Whether there is a connection of this name.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.0.open().inboxes.contains_key(id)
    }

    /// Hands something to a connection; false if there is none of this name.
    pub(super) fn post(&self, id: &str, what: Posted) -> bool {
        let open = self.0.open();
        let Some(inbox) = open.inboxes.get(id) else { return false };
        inbox.send_if_modified(|posted| {
            // Nothing comes after the end.
            let open = !matches!(posted, Posted::Close | Posted::Leave);
            if open {
                *posted = what;
            }
            open
        });
        true
    }

    /// Ends all connections, and waits until they have ended.
    pub(super) async fn close(&self) {
        self.0.open().tell_all_to_leave();
        // It fails only when the sender is gone, which is ours.
        let _ = self.0.count.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RegisteredViewer {
    /// The name by which others know it.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Waits until the server ends.
    pub(super) async fn told_to_leave(&mut self) {
        // It fails only when the server has gone, which says the same.
        let _ = self.posted.wait_for(|posted| matches!(posted, Posted::Leave)).await;
    }
}

impl Drop for RegisteredViewer {
    fn drop(&mut self) {
        self.shared.open().inboxes.remove(&self.id);
        self.shared.count.send_modify(|count| *count -= 1);
    }
}
