//! Inhibitors: programs that keep the screen on, such as players and calls.

use zbus::Connection;

use super::logind;
use crate::dbus::{self, Object};

/// GNOME, MATE and Cinnamon.
const GNOME: Object = Object {
    service: "org.gnome.SessionManager",
    path: "/org/gnome/SessionManager",
    interface: "org.gnome.SessionManager",
};

/// Flag of GNOME's inhibitors that keep the session from going idle.
const GNOME_IDLE: u32 = 8;

/// KDE.
const KDE: Object = Object {
    service: "org.kde.Solid.PowerManagement",
    path: "/org/kde/Solid/PowerManagement/PolicyAgent",
    interface: "org.kde.Solid.PowerManagement.PolicyAgent",
};

/// KDE's policy for inhibitors that keep the screen on. Music and downloads have another one.
const KDE_SCREEN: u32 = 4;

/// Xfce and others.
const FREEDESKTOP: Object = Object {
    service: "org.freedesktop.PowerManagement",
    path: "/org/freedesktop/PowerManagement/Inhibit",
    interface: "org.freedesktop.PowerManagement.Inhibit",
};

/// Whether any inhibitor keeps the screen on. A bus that does not answer says no.
pub(super) fn keep_screen_on() -> bool {
    let session = dbus::SESSION.connection();
    let by_desktop =
        session.and_then(|bus| zbus::block_on(desktop_inhibits(&bus)).map_err(|error| error.to_string()));
    let system = dbus::SYSTEM.connection();
    by_desktop.unwrap_or(false)
        || system.is_ok_and(|bus| zbus::block_on(logind::inhibits_idle(&bus)).unwrap_or(false))
}

async fn desktop_inhibits(bus: &Connection) -> zbus::Result<bool> {
    let by_gnome = unless_hung(GNOME.call(bus, "IsInhibited", &GNOME_IDLE).await)?;
    if by_gnome == Some(true) {
        return Ok(true);
    }
    let by_kde = unless_hung(KDE.call(bus, "HasInhibition", &KDE_SCREEN).await)?;
    match by_kde {
        Some(inhibits) => Ok(inhibits),
        // KDE has this one, too, but means music and downloads by it.
        None => FREEDESKTOP.call(bus, "HasInhibit", &()).await,
    }
}

/// Returns the answer, or `None` if there is no such service. The agent waits for these: after a timeout the others
/// are not asked, either.
fn unless_hung(answer: zbus::Result<bool>) -> zbus::Result<Option<bool>> {
    match answer {
        Ok(inhibits) => Ok(Some(inhibits)),
        Err(zbus::Error::InputOutput(error)) => Err(zbus::Error::InputOutput(error)),
        Err(_) => Ok(None),
    }
}
