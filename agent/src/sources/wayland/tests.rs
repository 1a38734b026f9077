//! A compositor, as far as a test needs one that cannot send its machine to sleep.

use std::{os::unix::net::UnixListener, sync::Arc, thread, time::Duration};

use wayland_protocols::ext::idle_notify::v1::server::{
    ext_idle_notification_v1::{self, ExtIdleNotificationV1},
    ext_idle_notifier_v1::{self, ExtIdleNotifierV1},
};
use wayland_server::{
    Client, DataInit, Dispatch, Display, DisplayHandle, GlobalDispatch, New,
    backend::ClientData,
    protocol::wl_seat::{self, WlSeat},
};

use super::{Compositor, InputState, Protocol, Source, Wayland};
use crate::{clock::Moment, wake};

/// Notifications of one seat under version 2.
const NOTIFICATIONS: usize = 2;

/// A compositor, whose seat has input as soon as notifications are asked for, and none later.
#[derive(Debug, Default)]
struct Desktop {
    notifications: usize,
}

#[derive(Debug)]
struct NoData;

impl ClientData for NoData {}

/// Serves one client, until it goes.
fn serve(listener: &UnixListener) {
    let mut display = Display::<Desktop>::new().expect("a display");
    let mut handle = display.handle();
    handle.create_global::<Desktop, WlSeat, ()>(7, ());
    handle.create_global::<Desktop, ExtIdleNotifierV1, ()>(2, ());
    let (stream, _) = listener.accept().expect("a client");
    let client = handle.insert_client(stream, Arc::new(NoData)).expect("a client");
    let mut desktop = Desktop::default();
    while client.get_credentials(&handle).is_ok() {
        let readable = rustix::event::PollFlags::IN;
        let poll = &mut [rustix::event::PollFd::new(&display, readable)];
        rustix::event::poll(poll, None).expect("requests");
        display.dispatch_clients(&mut desktop).expect("requests");
        display.flush_clients().expect("a client that reads");
    }
}

impl GlobalDispatch<WlSeat, ()> for Desktop {
    fn bind(
        _: &mut Self,
        _: &DisplayHandle,
        _: &Client,
        seat: New<WlSeat>,
        (): &(),
        init: &mut DataInit<'_, Self>,
    ) {
        init.init(seat, ());
    }
}

impl GlobalDispatch<ExtIdleNotifierV1, ()> for Desktop {
    fn bind(
        _: &mut Self,
        _: &DisplayHandle,
        _: &Client,
        notifier: New<ExtIdleNotifierV1>,
        (): &(),
        init: &mut DataInit<'_, Self>,
    ) {
        init.init(notifier, ());
    }
}

impl Dispatch<WlSeat, ()> for Desktop {
    fn request(
        _: &mut Self,
        _: &Client,
        _: &WlSeat,
        _: wl_seat::Request,
        (): &(),
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
    }
}

impl Dispatch<ExtIdleNotificationV1, ()> for Desktop {
    fn request(
        _: &mut Self,
        _: &Client,
        _: &ExtIdleNotificationV1,
        _: ext_idle_notification_v1::Request,
        (): &(),
        _: &DisplayHandle,
        _: &mut DataInit<'_, Self>,
    ) {
    }
}

impl Dispatch<ExtIdleNotifierV1, ()> for Desktop {
    fn request(
        desktop: &mut Self,
        _: &Client,
        _: &ExtIdleNotifierV1,
        request: ext_idle_notifier_v1::Request,
        (): &(),
        _: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        use ext_idle_notifier_v1::Request;
        let (Request::GetIdleNotification { id, .. } | Request::GetInputIdleNotification { id, .. }) =
            request
        else {
            return;
        };
        let notification = init.init(id, ());
        desktop.notifications += 1;
        if desktop.notifications <= NOTIFICATIONS {
            notification.idled();
            notification.resumed();
        }
    }
}

#[test]
fn timers_that_were_not_idle_before_a_sleep_mean_nothing_after_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("wayland-0");
    let listener = UnixListener::bind(&path).expect("a socket");
    let server = thread::spawn(move || serve(&listener));
    let (waker, _sleep) = wake::channel();
    let compositor = Compositor::connect(&path, &waker).expect("a compositor");
    let mut source = Wayland::watch(compositor, Protocol::ExtIdle).expect("notifications");

    let evening = Moment::now();
    let activity = source.input_state(evening).expect("an answer");
    assert_eq!(activity, InputState { last_input: Some(evening.awake), kept_on: false });
    let morning = Moment { asleep: evening.asleep + Duration::from_hours(8), ..Moment::now() };
    assert_eq!(source.input_state(morning).expect("an answer"), InputState::default());

    drop(source);
    server.join().expect("the end of the client");
}
