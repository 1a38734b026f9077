//! A connection to a compositor, and the thread that reads it. The thread blocks until the compositor says something.

use std::{
    net::Shutdown,
    os::unix::net::UnixStream,
    path::Path,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

use wayland_client::{
    Connection, Dispatch, DispatchError, EventQueue, Proxy, QueueHandle,
    backend::{ObjectId, WaylandError},
    delegate_noop,
    protocol::{wl_callback::WlCallback, wl_registry, wl_registry::WlRegistry, wl_seat::WlSeat},
};
use wayland_protocols::ext::idle_notify::v1::client::{
    ext_idle_notification_v1::{self, ExtIdleNotificationV1},
    ext_idle_notifier_v1::ExtIdleNotifierV1,
};
use wayland_protocols_plasma::idle::client::{
    org_kde_kwin_idle::OrgKdeKwinIdle,
    org_kde_kwin_idle_timeout::{self, OrgKdeKwinIdleTimeout},
};

use super::{
    InputState, Protocol, Unavailable,
    socket::candidates,
    state::{Asked, Listener, Shared, State},
};
use crate::{
    clock::{Awake, Moment},
    unix_socket::connect,
    wake::Waker,
};

/// Timeout of an answer. The agent's other work waits meanwhile; a compositor in use answers within milliseconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// Pause after which input wakes the agent. The shortest `idle_after`: after less, the device is still in use.
const WAKE_AFTER_MIN: Duration = Duration::from_secs(30);

/// A connection. The thread ends when it is dropped.
#[derive(Debug)]
pub(super) struct Compositor {
    name: String,
    stream: UnixStream,
    connection: Connection,
    queue: QueueHandle<Listener>,
    shared: Arc<Shared>,
}

impl Compositor {
    /// Connects to the first compositor that answers.
    pub(super) fn find(waker: &Waker) -> Result<Self, Unavailable> {
        let mut first = None;
        for path in candidates() {
            match Self::connect(&path, waker) {
                Ok(compositor) => return Ok(compositor),
                Err(reason) => first = first.or(Some(reason)),
            }
        }
        Err(first.unwrap_or_else(|| {
            let text =
                "no Wayland compositor: WAYLAND_DISPLAY is not set, and XDG_RUNTIME_DIR has no socket of one";
            Unavailable(text.to_owned())
        }))
    }

    /// Connects to the compositor at `path`, if it answers.
    pub(super) fn connect(path: &Path, waker: &Waker) -> Result<Self, Unavailable> {
        let name = format!("the Wayland compositor at {}", path.display());
        let stream =
            connect(path).map_err(|error| Unavailable(format!("{name} cannot be reached: {error}")))?;
        let connection = Connection::from_socket(stream.try_clone()?)?;
        let events = connection.new_event_queue();
        let queue = events.handle();
        let state = Mutex::new(State::new(&connection, queue.clone()));
        let shared = Arc::new(Shared { state, changed: Condvar::new() });
        let listener = Listener { shared: Arc::clone(&shared), waker: waker.clone() };
        thread::Builder::new().name("wayland".to_owned()).spawn(|| listener.run(events))?;
        let compositor = Self { name, stream, connection, queue, shared };
        compositor.ask()?;
        Ok(compositor)
    }

    /// Asks for notifications of all seats.
    pub(super) fn watch(&self, protocol: Protocol) -> Result<(), Unavailable> {
        if !self.shared.state().watch(protocol) {
            return Err(Unavailable(format!("{} does not offer {}", self.name, protocol.interface())));
        }
        self.ask()
    }

    /// Begins anew with all timers.
    pub(super) fn restart_timers(&self) {
        self.shared.state().restart_timers();
    }

    /// Returns what its seats tell, and whether time alone changes nothing about that.
    pub(super) fn input_state(&self, now: Awake) -> (InputState, bool) {
        let state = self.shared.state();
        (state.input_state(now), state.is_settled(now))
    }

    /// Waits until the compositor has answered everything so far.
    pub(super) fn ask(&self) -> Result<(), Unavailable> {
        let state = self.shared.state();
        let number = state.answered + 1;
        self.connection.display().sync(&self.queue, Asked::Alive(number));
        // An error comes to the thread as well, which knows what it means.
        let _ = self.connection.flush();
        let waits = |state: &mut State| state.lost.is_none() && state.answered < number;
        let answer = self.shared.changed.wait_timeout_while(state, ANSWER_TIMEOUT, waits);
        let (state, timeout) = answer.unwrap_or_else(PoisonError::into_inner);
        match &state.lost {
            Some(why) => Err(Unavailable(format!("{} {why}", self.name))),
            None if timeout.timed_out() => Err(Unavailable(format!("{} does not answer", self.name))),
            None => Ok(()),
        }
    }
}

impl Drop for Compositor {
    fn drop(&mut self) {
        self.shared.state().is_closing = true;
        // The thread reads the end. An error says that the connection is lost already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

impl Listener {
    fn run(mut self, mut events: EventQueue<Self>) {
        let error = loop {
            if let Err(error) = events.blocking_dispatch(&mut self) {
                break error;
            }
        };
        let mut state = self.shared.state();
        state.lost = Some(match error {
            DispatchError::Backend(WaylandError::Io(_)) => "has closed the connection".to_owned(),
            other => format!("has broken the protocol: {other}"),
        });
        let is_closing = state.is_closing;
        drop(state);
        self.shared.changed.notify_all();
        if !is_closing {
            self.waker.wake();
        }
    }

    fn note(&self, id: &ObjectId, is_idle: bool) {
        let mut state = self.shared.state();
        let at = Moment::now().awake;
        let before = state.input_state(at).last_input;
        state.note(id, is_idle, at);
        let after = state.input_state(at).last_input;
        if after > before && before.is_none_or(|before| at.since(before) >= WAKE_AFTER_MIN) {
            self.waker.wake();
        }
    }
}

impl Dispatch<WlRegistry, ()> for Listener {
    fn event(
        listener: &mut Self,
        _: &WlRegistry,
        event: wl_registry::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let mut state = listener.shared.state();
        match event {
            wl_registry::Event::Global { name, interface, version } => {
                state.add_global(name, interface, version);
            }
            wl_registry::Event::GlobalRemove { name } => state.remove_global(name),
            _ => {}
        }
    }
}

impl Dispatch<WlCallback, Asked> for Listener {
    fn event(
        listener: &mut Self,
        _: &WlCallback,
        _: <WlCallback as Proxy>::Event,
        asked: &Asked,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let mut state = listener.shared.state();
        match asked {
            Asked::Alive(number) => state.answered = *number,
            Asked::Created(id) => state.created(id, Moment::now().awake),
        }
        listener.shared.changed.notify_all();
    }
}

impl Dispatch<ExtIdleNotificationV1, ()> for Listener {
    fn event(
        listener: &mut Self,
        notification: &ExtIdleNotificationV1,
        event: ext_idle_notification_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        listener.note(&notification.id(), matches!(event, ext_idle_notification_v1::Event::Idled));
    }
}

impl Dispatch<OrgKdeKwinIdleTimeout, ()> for Listener {
    fn event(
        listener: &mut Self,
        timeout: &OrgKdeKwinIdleTimeout,
        event: org_kde_kwin_idle_timeout::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        listener.note(&timeout.id(), matches!(event, org_kde_kwin_idle_timeout::Event::Idle));
    }
}

delegate_noop!(Listener: ExtIdleNotifierV1);
delegate_noop!(Listener: OrgKdeKwinIdle);
delegate_noop!(Listener: ignore WlSeat);
