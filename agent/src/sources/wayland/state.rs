//! What the agent shares with the thread that reads a connection: globals, seats, and their notifications.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use wayland_client::{
    Connection, Proxy, QueueHandle,
    backend::ObjectId,
    protocol::{wl_registry::WlRegistry, wl_seat::WlSeat},
};
use wayland_protocols::ext::idle_notify::v1::client::{
    ext_idle_notification_v1::ExtIdleNotificationV1, ext_idle_notifier_v1::ExtIdleNotifierV1,
};
use wayland_protocols_plasma::idle::client::{
    org_kde_kwin_idle::OrgKdeKwinIdle, org_kde_kwin_idle_timeout::OrgKdeKwinIdleTimeout,
};

use super::{
    InputState,
    timers::{Role, TIMEOUT, Timers},
};
use crate::{
    clock::{Awake, Moment},
    wake::Waker,
};

/// Version of `wl_seat` from which on a seat can be released.
const SEAT_VERSION: u32 = 5;

/// Version of `ext_idle_notifier_v1` from which on there are notifications that inhibitors do not keep from being idle.
const INPUT_VERSION: u32 = 2;

/// A question to the compositor, which answers all in turn.
#[derive(Debug)]
pub(super) enum Asked {
    /// Whether it is alive, with a number.
    Alive(u64),
    /// Whether it has created this notification.
    Created(ObjectId),
}

/// What the thread changes, and a bell for those who wait for it.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    pub(super) changed: Condvar,
}

impl Shared {
    /// Locks the state.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the thread has.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) shared: Arc<Shared>,
    pub(super) waker: Waker,
}

/// A protocol of idle notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Protocol {
    /// `ext_idle_notify_v1`.
    ExtIdle,
    /// KDE's, which wlroots had as well.
    KdeIdle,
}

impl Protocol {
    /// Name of its global.
    pub(super) fn interface(self) -> &'static str {
        match self {
            Self::ExtIdle => ExtIdleNotifierV1::interface().name,
            Self::KdeIdle => OrgKdeKwinIdle::interface().name,
        }
    }
}

/// A global of the compositor.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Global {
    name: u32,
    interface: String,
    version: u32,
}

/// What makes notifications.
#[derive(Debug)]
enum Notifier {
    Ext(ExtIdleNotifierV1),
    Kde(OrgKdeKwinIdle),
}

/// A notification.
#[derive(Debug)]
enum Notification {
    Ext(ExtIdleNotificationV1),
    Kde(OrgKdeKwinIdleTimeout),
}

impl Notification {
    fn id(&self) -> ObjectId {
        match self {
            Self::Ext(notification) => notification.id(),
            Self::Kde(timeout) => timeout.id(),
        }
    }

    fn destroy(&self) {
        match self {
            Self::Ext(notification) => notification.destroy(),
            Self::Kde(timeout) => timeout.release(),
        }
    }
}

/// A seat: a keyboard and a mouse that belong together.
#[derive(Debug)]
struct Seat {
    /// Name of its global.
    name: u32,
    proxy: WlSeat,
    notifications: Vec<(Role, Notification)>,
    timers: Timers,
}

impl Seat {
    fn role(&self, id: &ObjectId) -> Option<Role> {
        self.notifications.iter().find(|(_, notification)| notification.id() == *id).map(|(role, _)| *role)
    }
}

/// State of a connection.
#[derive(Debug)]
pub(super) struct State {
    connection: Connection,
    queue: QueueHandle<Listener>,
    registry: WlRegistry,
    globals: Vec<Global>,
    notifier: Option<Notifier>,
    seats: Vec<Seat>,
    /// Last input at seats that are gone.
    departed: Option<Awake>,
    /// Number of the last question that the compositor answered.
    pub(super) answered: u64,
    /// Why the connection is lost.
    pub(super) lost: Option<String>,
    /// Whether it is the agent that ends the connection.
    pub(super) is_closing: bool,
}

impl State {
    /// Returns the state of a new connection, and asks the compositor for its globals.
    pub(super) fn new(connection: &Connection, queue: QueueHandle<Listener>) -> Self {
        Self {
            connection: connection.clone(),
            registry: connection.display().get_registry(&queue, ()),
            queue,
            globals: Vec::new(),
            notifier: None,
            seats: Vec::new(),
            departed: None,
            answered: 0,
            lost: None,
            is_closing: false,
        }
    }

    /// Asks for notifications of all seats, now and later. Returns false if the compositor does not offer `protocol`.
    pub(super) fn watch(&mut self, protocol: Protocol) -> bool {
        let Some(Global { name, version, .. }) =
            self.globals.iter().find(|global| global.interface == protocol.interface())
        else {
            return false;
        };
        let (registry, queue) = (&self.registry, &self.queue);
        self.notifier = Some(match protocol {
            Protocol::ExtIdle => {
                Notifier::Ext(registry.bind(*name, (*version).min(INPUT_VERSION), queue, ()))
            }
            Protocol::KdeIdle => Notifier::Kde(registry.bind(*name, 1, queue, ())),
        });
        for global in self.globals.clone() {
            self.add_seat(&global);
        }
        true
    }

    /// Notes a new global.
    pub(super) fn add_global(&mut self, name: u32, interface: String, version: u32) {
        let global = Global { name, interface, version };
        self.add_seat(&global);
        self.globals.push(global);
    }

    /// Notes that a global is gone.
    pub(super) fn remove_global(&mut self, name: u32) {
        self.globals.retain(|global| global.name != name);
        if let Some(position) = self.seats.iter().position(|seat| seat.name == name) {
            let seat = self.seats.remove(position);
            self.departed = self.departed.max(seat.timers.input_state(Moment::now().awake).last_input);
            seat.notifications.iter().for_each(|(_, notification)| notification.destroy());
            if seat.proxy.version() >= SEAT_VERSION {
                seat.proxy.release();
            }
        }
    }

    /// Begins anew with all timers.
    pub(super) fn restart_timers(&mut self) {
        let seats = std::mem::take(&mut self.seats);
        for seat in seats {
            seat.notifications.iter().for_each(|(_, notification)| notification.destroy());
            self.watch_seat(seat.name, seat.proxy);
        }
    }

    /// Notes that the notification with this id is idle, or no more. One that is destroyed changes nothing.
    pub(super) fn note(&mut self, id: &ObjectId, is_idle: bool, at: Awake) {
        for seat in &mut self.seats {
            match seat.role(id) {
                Some(role) if is_idle => seat.timers.idled(role, at),
                Some(role) => seat.timers.resumed(role, at),
                None => {}
            }
        }
    }

    /// Notes that the compositor has created the notification with this id.
    pub(super) fn created(&mut self, id: &ObjectId, at: Awake) {
        if let Some(seat) = self.seats.iter_mut().find(|seat| seat.role(id).is_some()) {
            seat.timers.created(at);
        }
    }

    /// Returns what all seats tell: the one with the latest input counts.
    pub(super) fn input_state(&self, now: Awake) -> InputState {
        let seats = self.seats.iter().map(|seat| seat.timers.input_state(now));
        seats.fold(InputState { last_input: self.departed, kept_on: false }, |all, seat| InputState {
            last_input: all.last_input.max(seat.last_input),
            kept_on: all.kept_on || seat.kept_on,
        })
    }

    /// Whether time alone changes nothing about what they tell.
    pub(super) fn is_settled(&self, now: Awake) -> bool {
        self.seats.iter().all(|seat| seat.timers.is_settled(now))
    }

    fn add_seat(&mut self, global: &Global) {
        if self.notifier.is_some() && global.interface == WlSeat::interface().name {
            let version = global.version.min(SEAT_VERSION);
            let seat = self.registry.bind(global.name, version, &self.queue, ());
            self.watch_seat(global.name, seat);
        }
    }

    fn watch_seat(&mut self, name: u32, proxy: WlSeat) {
        let notifications = self.notifications(&proxy);
        let Some((_, last)) = notifications.last() else { return };
        // A compositor that is busy creates them later.
        self.connection.display().sync(&self.queue, Asked::Created(last.id()));
        let inhibitors_hide_input = notifications.len() == 1;
        let timers = Timers::new(Moment::now().awake, inhibitors_hide_input);
        self.seats.push(Seat { name, proxy, notifications, timers });
    }

    /// Creates the notifications of a seat.
    fn notifications(&self, seat: &WlSeat) -> Vec<(Role, Notification)> {
        let queue = &self.queue;
        let timeout = u32::try_from(TIMEOUT.as_millis()).unwrap_or(u32::MAX);
        match &self.notifier {
            Some(Notifier::Ext(notifier)) => {
                let plain = Notification::Ext(notifier.get_idle_notification(timeout, seat, queue, ()));
                if notifier.version() < INPUT_VERSION {
                    return vec![(Role::Input, plain)];
                }
                let input = notifier.get_input_idle_notification(timeout, seat, queue, ());
                vec![(Role::Input, Notification::Ext(input)), (Role::Inhibited, plain)]
            }
            Some(Notifier::Kde(notifier)) => {
                let plain = notifier.get_idle_timeout(seat, timeout, queue, ());
                vec![(Role::Input, Notification::Kde(plain))]
            }
            None => Vec::new(),
        }
    }
}
