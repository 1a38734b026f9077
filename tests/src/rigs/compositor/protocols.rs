//! Requests of clients to the compositor.

use wayland_protocols::ext::idle_notify::v1::server::{
    ext_idle_notification_v1::{self, ExtIdleNotificationV1},
    ext_idle_notifier_v1::{self, ExtIdleNotifierV1},
};
use wayland_protocols_plasma::idle::server::{
    org_kde_kwin_idle::{self, OrgKdeKwinIdle},
    org_kde_kwin_idle_timeout::{self, OrgKdeKwinIdleTimeout},
};
use wayland_server::{
    Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource,
    protocol::wl_seat::{self, WlSeat},
};

use super::{Desktop, Notification, SeatNumber, Timer};

/// Lets clients bind a global, and keeps its data with the object.
macro_rules! global {
    ($interface:ty, $data:ty) => {
        impl GlobalDispatch<$interface, $data> for Desktop {
            fn bind(
                _: &mut Self,
                _: &DisplayHandle,
                _: &Client,
                resource: New<$interface>,
                data: &$data,
                init: &mut DataInit<'_, Self>,
            ) {
                init.init(resource, data.clone());
            }
        }
    };
}

global!(WlSeat, SeatNumber);
global!(ExtIdleNotifierV1, ());
global!(OrgKdeKwinIdle, ());

/// Takes requests that need nothing done: an object that is destroyed is not alive.
macro_rules! ignore {
    ($interface:ty, $request:ty, $data:ty) => {
        impl Dispatch<$interface, $data> for Desktop {
            fn request(
                _: &mut Self,
                _: &Client,
                _: &$interface,
                _: $request,
                _: &$data,
                _: &DisplayHandle,
                _: &mut DataInit<'_, Self>,
            ) {
            }
        }
    };
}

ignore!(WlSeat, wl_seat::Request, SeatNumber);
ignore!(ExtIdleNotificationV1, ext_idle_notification_v1::Request, ());
ignore!(OrgKdeKwinIdleTimeout, org_kde_kwin_idle_timeout::Request, ());

impl Desktop {
    fn number(seat: &WlSeat) -> SeatNumber {
        *seat.data::<SeatNumber>().expect("a seat of this compositor")
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
        let (id, timeout, seat, ignores_inhibitors) = match request {
            Request::GetIdleNotification { id, timeout, seat } => (id, timeout, seat, false),
            Request::GetInputIdleNotification { id, timeout, seat } => (id, timeout, seat, true),
            _ => return,
        };
        let notification = Notification::Ext(init.init(id, ()));
        desktop.timers.push(Timer::new(notification, Self::number(&seat), timeout, ignores_inhibitors));
    }
}

impl Dispatch<OrgKdeKwinIdle, ()> for Desktop {
    fn request(
        desktop: &mut Self,
        _: &Client,
        _: &OrgKdeKwinIdle,
        request: org_kde_kwin_idle::Request,
        (): &(),
        _: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        if let org_kde_kwin_idle::Request::GetIdleTimeout { id, seat, timeout } = request {
            let notification = Notification::Kde(init.init(id, ()));
            desktop.timers.push(Timer::new(notification, Self::number(&seat), timeout, false));
        }
    }
}
