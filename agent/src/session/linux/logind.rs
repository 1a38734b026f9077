//! systemd-logind, or elogind: lock, sleep, and which session has the screen.

use zbus::{Connection, Message};

use super::Known;
use crate::{
    clock::Moment,
    dbus::{Listener, Object},
};

const MANAGER: Object = Object {
    service: "org.freedesktop.login1",
    path: "/org/freedesktop/login1",
    interface: "org.freedesktop.login1.Manager",
};

/// The session that the agent belongs to; for one that systemd started, which is in none, that of the user's screen.
const SESSION: Object = Object {
    path: "/org/freedesktop/login1/session/auto",
    interface: "org.freedesktop.login1.Session",
    ..MANAGER
};

/// Hears logind.
#[derive(Debug)]
pub(super) struct Logind {
    known: Known,
}

impl Logind {
    pub(super) fn new(known: Known) -> Self {
        Self { known }
    }

    fn set_falling_asleep(&self, falling_asleep: bool) {
        let now = Moment::now().awake;
        self.known.note(|facts| {
            if facts.falling_asleep && !falling_asleep {
                facts.woke_up = Some(now);
            }
            facts.falling_asleep = falling_asleep;
        });
    }
}

impl Listener for Logind {
    // Sessions have other paths in signals than `auto`, and another one may be the user's any time.
    const RULES: &'static [&'static str] = &[
        "type='signal',sender='org.freedesktop.login1',member='PrepareForSleep'",
        "type='signal',sender='org.freedesktop.login1',member='SessionNew'",
        "type='signal',sender='org.freedesktop.login1',member='SessionRemoved'",
        "type='signal',sender='org.freedesktop.login1',member='PropertiesChanged',arg0='org.freedesktop.login1.Session'",
        "type='signal',sender='org.freedesktop.login1',member='PropertiesChanged',arg0='org.freedesktop.login1.User'",
        "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.freedesktop.login1'",
    ];

    async fn read(&mut self, connection: &Connection) {
        let active = SESSION.property(connection, "Active").await;
        let locked = SESSION.property(connection, "LockedHint").await;
        let falling_asleep = MANAGER.property(connection, "PreparingForSleep").await;
        self.set_falling_asleep(falling_asleep.unwrap_or(false));
        self.known.note(|facts| {
            facts.no_logind = active.as_ref().err().map(|error: &zbus::Error| format!("logind: {error}"));
            facts.active = active.ok();
            facts.locked = locked.ok();
        });
    }

    fn hear(&mut self, signal: &Message) -> bool {
        let header = signal.header();
        if header.member().is_none_or(|member| member.as_str() != "PrepareForSleep") {
            return true;
        }
        if let Ok(falling_asleep) = signal.body().deserialize() {
            self.set_falling_asleep(falling_asleep);
        }
        false
    }

    fn lose(&mut self, reason: &str) {
        self.set_falling_asleep(false);
        self.known.note(|facts| {
            (facts.active, facts.locked) = (None, None);
            facts.no_logind = Some(format!("no system bus: {reason}"));
        });
    }
}

/// An inhibitor: what it inhibits, who and why, how strongly, its user and process.
type Inhibitor = (String, String, String, String, u32, u32);

/// Whether an inhibitor of this user keeps the session from going idle. Those of system services, such as package
/// managers, are not about the screen.
pub(super) async fn inhibits_idle(connection: &Connection) -> zbus::Result<bool> {
    let inhibitors: Vec<Inhibitor> = MANAGER.call(connection, "ListInhibitors", &()).await?;
    let user = rustix::process::geteuid().as_raw();
    Ok(inhibitors.iter().any(|(what, _, _, mode, owner, _)| {
        what.split(':').any(|what| what == "idle") && mode != "delay" && *owner == user
    }))
}
