//! Frames for viewers that ask for changes alone (`?frames=changes`). One task looks for changes and hands frames out,
//! so that thousands of viewers at rest cost neither timers nor wake-ups.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::extract::ws::Utf8Bytes;
use heartbeat_core::{
    stats::Snapshot,
    stream::frames::{LastFrame, Versions},
};
use heartbeat_functions::App;
use tokio::{
    sync::Notify,
    task::yield_now,
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    FRAME_TICK_INTERVAL,
    registry::{Command, Inbox},
};

/// Poll interval for changes by other processes. Stats are read from the database at most once a second; looking twice
/// as often keeps reads for other clients from delaying that by up to another second.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Number of viewers that get a frame before other tasks have their turn. Sending takes about ten microseconds each, and
/// a beat that arrives meanwhile must not wait for thousands.
const VIEWERS_PER_TURN: usize = 32;

/// Feed of changes to the viewers that follow it.
#[derive(Debug)]
pub(super) struct ChangesFeed {
    app: App,
    state: Mutex<State>,
    /// Notified when a viewer has joined.
    joined: Notify,
}

#[derive(Debug, Default)]
struct State {
    followers: BTreeMap<u64, Follower>,
    versions: Versions,
    latest: Option<(Arc<Snapshot>, Frame)>,
}

/// A frame, and the version of what it shows. Frames of the same version differ by the time alone.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    version: u64,
    pub(super) text: Utf8Bytes,
}

/// A viewer that follows the feed.
#[derive(Debug)]
struct Follower {
    inbox: Inbox,
    last: LastFrame,
}

impl State {
    /// When the first viewer may have the next change. `None` without viewers.
    fn first_due(&self) -> Option<Instant> {
        self.followers.values().map(|follower| follower.last.next_due()).min()
    }

    /// Returns the frame of `snapshot`. Snapshots that differ by the time alone have the same version.
    fn frame(&mut self, snapshot: &Arc<Snapshot>) -> Option<Frame> {
        if let Some((latest, frame)) = &self.latest
            && Arc::ptr_eq(latest, snapshot)
        {
            return Some(frame.clone());
        }
        let version = self.versions.number(snapshot);
        let frame = Frame { version, text: Utf8Bytes::try_from(snapshot.json.clone()).ok()? };
        self.latest = Some((Arc::clone(snapshot), frame.clone()));
        Some(frame)
    }
}

impl ChangesFeed {
    pub(super) fn new(app: App) -> Self {
        Self { app, state: Mutex::default(), joined: Notify::new() }
    }

    /// Hands out frames, for ever.
    pub(super) async fn run(&self) {
        // When a frame is due for viewers that had to wait for it.
        let (mut handed_out_at, mut due) = (Instant::now(), None);
        loop {
            while self.state().followers.is_empty() {
                self.joined.notified().await;
            }
            let poll_at = Instant::now() + POLL_INTERVAL;
            // Taken, since it would be in the past as long as the database is unavailable.
            let wake_at = due.take().map_or(poll_at, |due: Instant| poll_at.min(due));
            // A timeout means that this process has changed nothing since.
            let _ = timeout_at(wake_at, self.app.heartbeat.changed()).await;
            // A frame that no viewer may have yet is not made, and viewers that joined at different times share one.
            let first_due = self.state().first_due();
            let next = handed_out_at + FRAME_TICK_INTERVAL;
            sleep_until(first_due.map_or(next, |at| at.max(next))).await;
            // `None` while the database is unavailable. The session has logged why.
            if let Some(frame) = self.current().await {
                let now = Instant::now();
                let (viewers, next_due) = self.hand_out(&frame, now).await;
                due = next_due;
                if viewers > 0 {
                    handed_out_at = now;
                }
            }
        }
    }

    /// Returns the present frame. `None` while the database is unavailable.
    pub(super) async fn current(&self) -> Option<Frame> {
        let snapshot = self.app.heartbeat.snapshot((self.app.clock)()).await.ok()?;
        self.state().frame(&snapshot)
    }

    /// Hands `frame` out to all viewers that want it. Returns how many those are, and when it is due for the first of those
    /// that got another one less than a second ago.
    async fn hand_out(&self, frame: &Frame, now: Instant) -> (usize, Option<Instant>) {
        let (mut first, mut viewers, mut due) = (0, 0, None);
        loop {
            let mut handed_out = 0;
            for (number, follower) in self.state().followers.range_mut(first..) {
                if handed_out == VIEWERS_PER_TURN {
                    break;
                }
                first = number + 1;
                if follower.last.is_followed_by(frame.version, now) {
                    follower.last = LastFrame { version: frame.version, sent_at: now };
                    follower.inbox.put(Command::Send(frame.text.clone()));
                    handed_out += 1;
                } else if follower.last.version != frame.version {
                    let own = follower.last.next_due();
                    due = Some(due.map_or(own, |due: Instant| due.min(own)));
                }
            }
            viewers += handed_out;
            if handed_out < VIEWERS_PER_TURN {
                return (viewers, due);
            }
            yield_now().await;
        }
    }

    /// Lets the viewer with this number follow the feed, as long as the result lives. `first` is the frame that it got, if
    /// any.
    pub(super) fn follow(self: &Arc<Self>, number: u64, inbox: Inbox, first: Option<&Frame>) -> Following {
        let version = first.map_or(0, |frame| frame.version);
        let last = LastFrame { version, sent_at: Instant::now() };
        self.state().followers.insert(number, Follower { inbox, last });
        self.joined.notify_one();
        Following { number, feed: Arc::clone(self) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock half way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A viewer's place in the feed, given up on drop.
#[derive(Debug)]
pub(super) struct Following {
    number: u64,
    feed: Arc<ChangesFeed>,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.feed.state().followers.remove(&self.number);
    }
}
