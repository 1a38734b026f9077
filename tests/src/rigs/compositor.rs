//! A Wayland compositor in the test's own process: seats without devices, idle notifications, and a hand on everything.

mod protocols;

use std::{
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::{sync::watch, time::timeout};
use wayland_protocols::ext::idle_notify::v1::server::{
    ext_idle_notification_v1::ExtIdleNotificationV1, ext_idle_notifier_v1::ExtIdleNotifierV1,
};
use wayland_protocols_plasma::idle::server::{
    org_kde_kwin_idle::OrgKdeKwinIdle, org_kde_kwin_idle_timeout::OrgKdeKwinIdleTimeout,
};
use wayland_server::{
    Display, DisplayHandle, Resource,
    backend::{ClientData, GlobalId},
    protocol::wl_seat::WlSeat,
};

/// Which idle notifications a compositor offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offers {
    /// `ext_idle_notifier_v1` of this version.
    ExtIdle(u32),
    /// `org_kde_kwin_idle`.
    KdeIdle,
    /// None.
    Nothing,
}

/// Timeout of notifications that become idle: longer than agents wait for a compositor.
const TEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A seat, by its number.
pub type SeatNumber = u32;

/// What a test does to a compositor.
enum Command {
    AddSeat(SeatNumber),
    RemoveSeat(SeatNumber),
    Input(SeatNumber),
    Inhibit(bool),
    Freeze,
    Quit,
}

/// A running compositor with one seat, number 0. It ends, and its socket stays behind, when this is dropped.
#[derive(Debug)]
pub struct Compositor {
    path: PathBuf,
    commands: Sender<Command>,
    done: Receiver<()>,
    bell: UnixStream,
    is_idle: watch::Receiver<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Compositor {
    /// Starts a compositor with a socket at `path`.
    pub fn start(path: &Path, offers: Offers) -> Self {
        // One that was killed leaves its socket behind, and the next one removes it.
        let _ = std::fs::remove_file(path);
        let listener = UnixListener::bind(path).expect("a socket");
        listener.set_nonblocking(true).expect("a socket that does not block");
        let (commands, receiver) = channel();
        let (did, done) = channel();
        let (bell, rung) = UnixStream::pair().expect("a pair of sockets");
        rung.set_nonblocking(true).expect("a socket that does not block");
        let (tells_idle, is_idle) = watch::channel(false);
        let desktop = Desktop { offers, tells_idle, seats: Vec::new(), timers: Vec::new(), inhibited: false };
        let thread = thread::spawn(move || desktop.run(&listener, &receiver, &did, rung));
        Self { path: path.to_owned(), commands, done, bell, is_idle, thread: Some(thread) }
    }

    /// Path of its socket.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes input at a seat.
    pub fn input(&self, seat: SeatNumber) {
        self.send(Command::Input(seat));
    }

    /// Begins or ends a video.
    pub fn inhibit(&self, inhibited: bool) {
        self.send(Command::Inhibit(inhibited));
    }

    /// Adds a seat.
    pub fn add_seat(&self, seat: SeatNumber) {
        self.send(Command::AddSeat(seat));
    }

    /// Removes a seat.
    pub fn remove_seat(&self, seat: SeatNumber) {
        self.send(Command::RemoveSeat(seat));
    }

    /// Stops to do anything, and keeps everything open.
    pub fn freeze(&self) {
        self.send(Command::Freeze);
    }

    /// Waits until it has told its clients that all seats are idle, by all notifications that they asked for.
    pub async fn idle(&mut self) {
        let idle = timeout(TEST_TIMEOUT, self.is_idle.wait_for(|is_idle| *is_idle)).await;
        idle.expect("notifications that become idle").expect("a running compositor");
    }

    fn send(&self, command: Command) {
        self.commands.send(command).expect("a running compositor");
        (&self.bell).write_all(b"!").expect("a running compositor");
        self.done.recv().expect("a running compositor");
    }
}

impl Drop for Compositor {
    fn drop(&mut self) {
        // It may have panicked.
        let _ = self.commands.send(Command::Quit);
        let _ = (&self.bell).write_all(b"!");
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || ended.is_some_and(|ended| ended.is_ok()), "the compositor panicked");
    }
}

/// A notification of a client.
#[derive(Debug)]
struct Timer {
    resource: Notification,
    seat: SeatNumber,
    timeout: Duration,
    ignores_inhibitors: bool,
    /// Time from which on no activity counts; `None` while it is idle.
    since: Option<Instant>,
}

#[derive(Debug)]
enum Notification {
    Ext(ExtIdleNotificationV1),
    Kde(OrgKdeKwinIdleTimeout),
}

impl Notification {
    fn is_alive(&self) -> bool {
        match self {
            Self::Ext(notification) => notification.is_alive(),
            Self::Kde(timeout) => timeout.is_alive(),
        }
    }

    fn send(&self, is_idle: bool) {
        match self {
            Self::Ext(notification) if is_idle => notification.idled(),
            Self::Ext(notification) => notification.resumed(),
            Self::Kde(timeout) if is_idle => timeout.idle(),
            Self::Kde(timeout) => timeout.resumed(),
        }
    }
}

impl Timer {
    fn new(resource: Notification, seat: SeatNumber, milliseconds: u32, ignores_inhibitors: bool) -> Self {
        let timeout = Duration::from_millis(milliseconds.into());
        Self { resource, seat, timeout, ignores_inhibitors, since: Some(Instant::now()) }
    }

    fn active(&mut self, now: Instant) {
        if self.since.replace(now).is_none() {
            self.resource.send(false);
        }
    }

    /// Time until it is idle, if it will be.
    fn remaining(&self, inhibited: bool, now: Instant) -> Option<Duration> {
        let since = self.since.filter(|_| self.ignores_inhibitors || !inhibited)?;
        Some((since + self.timeout).saturating_duration_since(now))
    }
}

/// State of a compositor.
#[derive(Debug)]
struct Desktop {
    offers: Offers,
    tells_idle: watch::Sender<bool>,
    seats: Vec<(SeatNumber, GlobalId)>,
    timers: Vec<Timer>,
    inhibited: bool,
}

#[derive(Debug)]
struct NoData;

impl ClientData for NoData {}

impl Desktop {
    fn run(
        mut self,
        listener: &UnixListener,
        commands: &Receiver<Command>,
        did: &Sender<()>,
        mut rung: UnixStream,
    ) {
        let mut display = Display::<Self>::new().expect("a display");
        let mut handle = display.handle();
        self.add_globals(&handle);
        loop {
            while let Ok((stream, _)) = listener.accept() {
                handle.insert_client(stream, Arc::new(NoData)).expect("a client");
            }
            display.dispatch_clients(&mut self).expect("requests");
            let _ = rung.read(&mut [0; 64]);
            let command = commands.try_recv().ok();
            match command {
                Some(Command::Quit) => return,
                Some(Command::Freeze) => return freeze(commands, did),
                Some(ref command) => self.execute(&handle, command),
                None => {}
            }
            let remaining = self.tick();
            display.flush_clients().expect("clients that read");
            if command.is_some() {
                // A test that dropped this does not wait for it.
                let _ = did.send(());
                continue;
            }
            let timeout = remaining.map(|remaining| Timespec::try_from(remaining).expect("a duration"));
            let descriptors = &mut [
                PollFd::new(&display, PollFlags::IN),
                PollFd::new(listener, PollFlags::IN),
                PollFd::new(&rung, PollFlags::IN),
            ];
            poll(descriptors, timeout.as_ref()).expect("an event");
        }
    }

    fn add_globals(&mut self, handle: &DisplayHandle) {
        // A seat may come before what makes its notifications.
        self.add_seat(handle, 0);
        match self.offers {
            Offers::ExtIdle(version) => {
                handle.create_global::<Self, ExtIdleNotifierV1, ()>(version, ());
            }
            Offers::KdeIdle => {
                handle.create_global::<Self, OrgKdeKwinIdle, ()>(1, ());
            }
            Offers::Nothing => {}
        }
    }

    fn add_seat(&mut self, handle: &DisplayHandle, seat: SeatNumber) {
        self.seats.push((seat, handle.create_global::<Self, WlSeat, SeatNumber>(7, seat)));
    }

    fn execute(&mut self, handle: &DisplayHandle, command: &Command) {
        let now = Instant::now();
        match *command {
            Command::AddSeat(seat) => self.add_seat(handle, seat),
            Command::RemoveSeat(seat) => {
                self.seats.retain(|(number, global)| {
                    if *number == seat {
                        handle.disable_global::<Self>(global.clone());
                    }
                    *number != seat
                });
                self.timers.retain(|timer| timer.seat != seat);
            }
            Command::Input(seat) => {
                let mut timers = self.timers.iter_mut().filter(|timer| timer.seat == seat).peekable();
                assert!(timers.peek().is_some(), "nothing listens to seat {seat}");
                timers.for_each(|timer| timer.active(now));
            }
            Command::Inhibit(inhibited) => {
                // As wlroots and KWin do it: beginning and end are activity to those that inhibitors concern.
                self.inhibited = inhibited;
                let concerned = self.timers.iter_mut().filter(|timer| !timer.ignores_inhibitors);
                concerned.for_each(|timer| timer.active(now));
            }
            Command::Freeze | Command::Quit => {}
        }
    }

    /// Tells timers that they are idle; returns when the next one will be.
    fn tick(&mut self) -> Option<Duration> {
        let now = Instant::now();
        self.timers.retain(|timer| timer.resource.is_alive());
        for timer in &mut self.timers {
            if timer.remaining(self.inhibited, now) == Some(Duration::ZERO) {
                timer.since = None;
                timer.resource.send(true);
            }
        }
        let is_watched = |seat| self.timers.iter().any(|timer| timer.seat == seat);
        let is_idle = self.seats.iter().all(|(seat, _)| is_watched(*seat))
            && self.timers.iter().all(|timer| timer.since.is_none());
        self.tells_idle.send_if_modified(|told| std::mem::replace(told, is_idle) != is_idle);
        self.timers.iter().filter_map(|timer| timer.remaining(self.inhibited, now)).min()
    }
}

/// Does nothing more until the compositor is dropped.
fn freeze(commands: &Receiver<Command>, did: &Sender<()>) {
    did.send(()).expect("a test that waits");
    assert!(matches!(commands.recv(), Ok(Command::Quit)), "a frozen compositor can do nothing");
}
