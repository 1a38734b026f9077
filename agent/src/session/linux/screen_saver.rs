//! Screen savers and lock screens of the desktops.

use zbus::{Connection, Message};

use super::Known;
use crate::dbus::{Listener, Object};

/// Services that tell whether they are shown. KDE shows the first while the screen is locked; GNOME offers it, but does
/// not tell there.
const SCREEN_SAVERS: &[Object] = &[
    Object {
        service: "org.freedesktop.ScreenSaver",
        path: "/org/freedesktop/ScreenSaver",
        interface: "org.freedesktop.ScreenSaver",
    },
    Object {
        service: "org.gnome.ScreenSaver",
        path: "/org/gnome/ScreenSaver",
        interface: "org.gnome.ScreenSaver",
    },
    Object {
        service: "org.cinnamon.ScreenSaver",
        path: "/org/cinnamon/ScreenSaver",
        interface: "org.cinnamon.ScreenSaver",
    },
    Object {
        service: "org.mate.ScreenSaver",
        path: "/org/mate/ScreenSaver",
        interface: "org.mate.ScreenSaver",
    },
    Object {
        service: "org.xfce.ScreenSaver",
        path: "/org/xfce/ScreenSaver",
        interface: "org.xfce.ScreenSaver",
    },
];

/// Hears the screen savers.
#[derive(Debug)]
pub(super) struct ScreenSavers {
    known: Known,
}

impl ScreenSavers {
    pub(super) fn new(known: Known) -> Self {
        Self { known }
    }
}

impl Listener for ScreenSavers {
    const RULES: &'static [&'static str] = &[
        "type='signal',member='ActiveChanged'",
        "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.freedesktop.ScreenSaver'",
        "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.gnome.ScreenSaver'",
        "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.cinnamon.ScreenSaver'",
        "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.mate.ScreenSaver'",
        "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.xfce.ScreenSaver'",
    ];

    async fn read(&mut self, connection: &Connection) {
        let mut shown = Vec::new();
        for object in SCREEN_SAVERS {
            if let Ok(is_shown) = object.call(connection, "GetActive", &()).await {
                shown.push((object.service, is_shown));
            }
        }
        self.known.note(|facts| {
            facts.screen_savers = shown;
            facts.no_session_bus = None;
        });
    }

    fn hear(&mut self, signal: &Message) -> bool {
        let header = signal.header();
        header.member().is_some_and(|member| ["ActiveChanged", "NameOwnerChanged"].contains(&member.as_str()))
    }

    fn lose(&mut self, reason: &str) {
        self.known.note(|facts| {
            facts.screen_savers.clear();
            facts.no_session_bus = Some(format!("no session bus: {reason}"));
        });
    }
}
