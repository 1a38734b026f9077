//! Input in GNOME, by Mutter's idle monitor (`org.gnome.Mutter.IdleMonitor` on D-Bus).
//!
//! Its counter starts anew when an inhibitor ends, too, as after a film: only a watch tells input from that.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use zbus::{Connection, Message, MessageStream, wire::DynamicDeserialize};

use super::{InputState, POLL_INTERVAL, Source, Unavailable};
use crate::{
    clock::{Awake, Moment},
    dbus::{self, Object},
    wake::Waker,
};

const MONITOR: Object = Object {
    service: "org.gnome.Mutter.IdleMonitor",
    path: "/org/gnome/Mutter/IdleMonitor/Core",
    interface: "org.gnome.Mutter.IdleMonitor",
};

/// Idle time from which on a watch is worth its while. In use, it would wake the agent at every look.
const WATCH_AFTER: Duration = POLL_INTERVAL;

/// Mutter's idle monitor.
#[derive(Debug)]
pub(super) struct Mutter {
    connection: Connection,
    /// Its own name on the bus: another Mutter would know nothing of our watch.
    owner: String,
    last_input: Option<Awake>,
    /// Id of the watch that the next input fires.
    watch: Option<u32>,
    /// Id of the last one that has fired. Mutter counts them up from 1.
    fired: Arc<AtomicU32>,
}

impl Mutter {
    /// Finds Mutter on the session bus.
    pub(super) fn open(waker: &Waker) -> Result<Self, Unavailable> {
        let connection = dbus::SESSION.connection().map_err(Unavailable)?;
        let owner = zbus::block_on(MONITOR.owner(&connection))?;
        let fired = Arc::new(AtomicU32::new(0));
        let source = Self { connection, owner, last_input: None, watch: None, fired };
        source.idle()?;
        let signals = MessageStream::from(&source.connection);
        let (fired, waker) = (Arc::downgrade(&source.fired), waker.clone());
        thread::spawn(move || zbus::block_on(hear(signals, fired, waker)));
        Ok(source)
    }

    /// Time since the counter began.
    fn idle(&self) -> Result<Duration, Unavailable> {
        Ok(Duration::from_millis(self.call("GetIdletime")?))
    }

    fn call<R: for<'d> DynamicDeserialize<'d>>(&self, method: &'static str) -> Result<R, Unavailable> {
        Ok(zbus::block_on(MONITOR.call_owner(&self.connection, &self.owner, method, &()))?)
    }

    /// Whether the next input fires a watch. None has come since it was added.
    fn is_watching(&self) -> bool {
        self.watch.is_some_and(|watch| watch != self.fired.load(Ordering::Acquire))
    }
}

/// Wakes the agent when a watch fires, until the source is dropped or the connection is lost.
async fn hear(mut signals: MessageStream, fired: Weak<AtomicU32>, waker: Waker) {
    while let Some(Ok(message)) = dbus::next(&mut signals).await {
        let Some(fired) = fired.upgrade() else { return };
        if let Some(watch) = fired_watch(&message) {
            fired.store(watch, Ordering::Release);
            waker.wake();
        }
    }
    waker.wake();
}

fn fired_watch(message: &Message) -> Option<u32> {
    let header = message.header();
    let is_fired =
        header.interface()?.as_str() == MONITOR.interface && header.member()?.as_str() == "WatchFired";
    if is_fired { message.body().deserialize().ok() } else { None }
}

impl Source for Mutter {
    fn input_state(&mut self, now: Moment) -> Result<InputState, Unavailable> {
        let mut idle = self.idle()?;
        if !self.is_watching() {
            self.watch = None;
            if idle >= WATCH_AFTER {
                self.watch = Some(self.call("AddUserActiveWatch")?);
                // Input between the two calls fired no watch.
                idle = self.idle()?;
            }
            self.last_input = Some(now.awake.before(idle));
        }
        Ok(InputState { last_input: self.last_input, kept_on: false })
    }

    fn wakes(&self) -> bool {
        self.is_watching()
    }
}
