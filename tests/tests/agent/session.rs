//! Lock, sleep and other sessions, as logind and the desktops tell them on D-Bus, while input comes under Xvfb.

use std::time::Duration;

use heartbeat_tests::{
    Agent, AgentHome, Database, Server, eventually,
    rigs::{Bus, Mock, Xvfb, bus, installed, xvfb},
};

use crate::{beats, set_up};

/// An agent on a desktop with both buses.
pub(crate) struct Desk {
    pub(crate) screen: Xvfb,
    pub(crate) system: Bus,
    pub(crate) session: Bus,
    pub(crate) logind: Mock,
    pub(crate) database: Database,
    pub(crate) home: AgentHome,
    _server: Server,
}

impl Desk {
    /// Starts it, where the programs are installed.
    pub(crate) async fn start() -> Option<Self> {
        if !installed(xvfb::PROGRAMS) || !bus::installed() {
            return None;
        }
        let (screen, system, session) = tokio::join!(Xvfb::start(), Bus::start(), Bus::start());
        let logind = system.logind().await;
        logind.add_session().await;
        let (server, database, home) = set_up().await;
        let home = home
            .environment("DISPLAY", screen.display())
            .environment("DBUS_SYSTEM_BUS_ADDRESS", &system.address())
            .environment("DBUS_SESSION_BUS_ADDRESS", &session.address());
        Some(Self { screen, system, session, logind, database, home, _server: server })
    }

    /// Lets the agent look once, by a lock that does not last. Returns how much of its log to skip for what it sees then.
    pub(crate) async fn look(&self, agent: &mut Agent, seen: usize) -> usize {
        self.logind.set_session("LockedHint", true).await;
        let seen = agent.wait_for_after(seen, "the screen is locked").await;
        self.logind.set_session("LockedHint", false).await;
        seen
    }
}

/// Waits until the agent says that `service` locks the screen.
async fn locked_by(agent: &Agent, service: &str) {
    eventually(service, async || agent.status().await["session"]["locked_by"] == service).await;
}

/// Waits until the agent has looked at everything after now.
async fn looked(agent: &Agent) {
    let before = agent.status().await["at"].clone();
    eventually("another look", async || agent.status().await["at"] != before).await;
}

#[tokio::test]
async fn input_on_a_screen_that_logind_says_is_locked_is_no_beat() {
    let Some(desk) = Desk::start().await else { return };
    let mut agent = desk.home.start(&[]);
    agent.wait_for("no input since the agent started").await;
    desk.logind.set_session("LockedHint", true).await;
    locked_by(&agent, "logind").await;
    desk.screen.type_key().await;
    looked(&agent).await;
    assert_eq!(beats(&desk.database).await, 0);
    desk.logind.set_session("LockedHint", false).await;
    agent.wait_for("200: recorded").await;
    assert_eq!(beats(&desk.database).await, 1);
}

#[tokio::test]
async fn input_on_a_screen_that_a_screen_saver_locks_is_no_beat() {
    let Some(desk) = Desk::start().await else { return };
    let gnome = desk.session.screen_saver("org.gnome.ScreenSaver").await;
    let freedesktop = desk.session.screen_saver("org.freedesktop.ScreenSaver").await;
    let mut agent = desk.home.start(&[]);
    agent.wait_for("no input since the agent started").await;
    gnome.set_shown(true).await;
    locked_by(&agent, "org.gnome.ScreenSaver").await;
    // One bus, so the agent hears of both in their order.
    freedesktop.set_shown(true).await;
    desk.screen.type_key().await;
    gnome.set_shown(false).await;
    locked_by(&agent, "org.freedesktop.ScreenSaver").await;
    looked(&agent).await;
    assert_eq!(beats(&desk.database).await, 0);
    freedesktop.set_shown(false).await;
    agent.wait_for("200: recorded").await;
    assert_eq!(beats(&desk.database).await, 1);
}

#[tokio::test]
async fn a_screen_that_was_locked_before_the_agent_started_is_locked() {
    let Some(desk) = Desk::start().await else { return };
    let gnome = desk.session.screen_saver("org.gnome.ScreenSaver").await;
    gnome.set_shown(true).await;
    let mut agent = desk.home.start(&[]);
    let seen = agent.wait_for("the screen is locked").await;
    // A lock screen that has gone locks nothing.
    gnome.kill().await;
    agent.wait_for_after(seen, "no input since the agent started").await;
}

#[tokio::test]
async fn waking_up_asks_for_new_input() {
    let Some(desk) = Desk::start().await else { return };
    let mut agent = desk.home.start(&[]);
    agent.wait_for("no input since the agent started").await;
    desk.screen.type_key().await;
    let seen = agent.wait_for("200: recorded").await;
    desk.logind.prepare_for_sleep(true).await;
    let seen = agent.wait_for_after(seen, "about to sleep").await;
    // A key on the way to sleep, as one that closes a dialog.
    desk.screen.type_key().await;
    desk.logind.prepare_for_sleep(false).await;
    let seen = agent.wait_for_after(seen, "not in use: no input since").await;
    desk.screen.type_key().await;
    let seen = agent.wait_for_after(seen, "in use: last input").await;
    // So short a sleep that the agent may see nothing of it.
    desk.logind.prepare_for_sleep(true).await;
    desk.logind.prepare_for_sleep(false).await;
    agent.wait_for_after(seen, "not in use: no input since").await;
    assert_eq!(beats(&desk.database).await, 1);
}

#[tokio::test]
async fn input_while_another_session_has_the_screen_is_no_beat() {
    let Some(desk) = Desk::start().await else { return };
    let mut agent = desk.home.start(&[]);
    agent.wait_for("no input since the agent started").await;
    desk.logind.set_session("Active", false).await;
    let seen = agent.wait_for("another session has the screen").await;
    desk.screen.type_key().await;
    let seen = desk.look(&mut agent, seen).await;
    agent.wait_for_after(seen, "another session has the screen").await;
    assert_eq!(beats(&desk.database).await, 0);
    desk.logind.set_session("Active", true).await;
    agent.wait_for("200: recorded").await;
}

#[tokio::test]
async fn a_bus_that_was_restarted_is_found_again() {
    let Some(mut desk) = Desk::start().await else { return };
    let gnome = desk.session.screen_saver("org.gnome.ScreenSaver").await;
    gnome.set_shown(true).await;
    let mut agent = desk.home.start(&[]);
    let seen = agent.wait_for("the screen is locked").await;
    desk.session.kill().await;
    let seen = agent.wait_for_after(seen, "no session bus").await;
    agent.wait_for_after(seen, "no input since the agent started").await;
    desk.session.restart().await;
    let gnome = desk.session.screen_saver("org.gnome.ScreenSaver").await;
    agent.wait_for_after(seen, "connected to the session bus").await;
    gnome.set_shown(true).await;
    let seen = agent.wait_for_after(seen, "the screen is locked").await;
    gnome.set_shown(false).await;

    desk.system.kill().await;
    let seen = agent.wait_for_after(seen, "no system bus").await;
    eventually("unknown", async || agent.status().await["session"]["active"].is_null()).await;
    desk.system.restart().await;
    let logind = desk.system.logind().await;
    logind.add_session().await;
    agent.wait_for_after(seen, "connected to the system bus").await;
    logind.set_session("Active", false).await;
    agent.wait_for_after(seen, "another session has the screen").await;
}

#[tokio::test]
async fn asking_starts_no_service() {
    let Some(desk) = Desk::start().await else { return };
    let services = ["org.freedesktop.ScreenSaver", "org.gnome.ScreenSaver", "org.gnome.Mutter.IdleMonitor"];
    let started = services.map(|service| desk.session.offer(service));
    let mut agent = desk.home.start(&[]);
    agent.wait_for("no input since the agent started").await;
    // The services are asked once more when one of them comes.
    let mate = desk.session.screen_saver("org.mate.ScreenSaver").await;
    mate.set_shown(true).await;
    locked_by(&agent, "org.mate.ScreenSaver").await;
    for file in started {
        assert!(!file.exists(), "{}", file.display());
    }
}

#[tokio::test]
async fn the_session_bus_is_found_without_its_variable() {
    if !installed(xvfb::PROGRAMS) || !bus::installed() {
        return;
    }
    let (_server, _database, home) = set_up().await;
    let session = Bus::start_in(&home.path().join("run/bus")).await;
    let gnome = session.screen_saver("org.gnome.ScreenSaver").await;
    gnome.set_shown(true).await;
    let mut agent = home.start(&[]);
    agent.wait_for("the screen is locked").await;
}

#[tokio::test]
async fn a_bus_that_does_not_answer_does_not_stop_the_agent() {
    if !installed(xvfb::PROGRAMS) {
        return;
    }
    let (_server, database, home) = set_up().await;
    let silent = home.path().join("run/bus");
    let _socket = std::os::unix::net::UnixListener::bind(&silent).expect("a socket");
    let screen = Xvfb::start().await;
    let address = format!("unix:path={}", silent.display());
    let mut agent = home
        .environment("DISPLAY", screen.display())
        .environment("DBUS_SYSTEM_BUS_ADDRESS", &address)
        .environment("DBUS_SESSION_BUS_ADDRESS", &address)
        .start(&[]);
    let started = tokio::time::timeout(Duration::from_secs(10), agent.wait_for("no input since"));
    started.await.expect("a start in time");
    screen.type_key().await;
    agent.wait_for("200: recorded").await;
    assert_eq!(beats(&database).await, 1);
}
