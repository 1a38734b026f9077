//! GNOME's idle monitor, as a mock; `desktops` has the real one.

use heartbeat_tests::rigs::{Bus, Mock, bus};

use crate::{beats, set_up};

const MONITOR: &str = "org.gnome.Mutter.IdleMonitor";

/// Starts an idle monitor whose counter stands at a minute.
async fn idle_monitor(bus: &Bus) -> Mock {
    let mock = bus.mock(MONITOR, "/org/gnome/Mutter/IdleMonitor/Core", MONITOR).await;
    mock.answer(MONITOR, "GetIdletime", "", "t", "60000").await;
    mock.answer(MONITOR, "AddUserActiveWatch", "", "u", "7").await;
    mock
}

#[tokio::test]
async fn only_a_watch_that_fires_is_input_for_the_counter_starts_anew_after_a_video_too() {
    if !bus::installed() {
        return;
    }
    let (session, system) = tokio::join!(Bus::start(), Bus::start());
    let monitor = idle_monitor(&session).await;
    let logind = system.logind().await;
    logind.add_session().await;
    let (_server, database, home) = set_up().await;
    let mut agent = home
        .environment("DBUS_SYSTEM_BUS_ADDRESS", &system.address())
        .environment("DBUS_SESSION_BUS_ADDRESS", &session.address())
        .start(&[]);
    agent.wait_for("no input since the agent started").await;
    assert_eq!(agent.status().await["source"], "mutter");
    // An inhibitor ends: the counter falls, and the agent happens to look.
    monitor.answer(MONITOR, "GetIdletime", "", "t", "0").await;
    logind.set_session("LockedHint", true).await;
    let seen = agent.wait_for("the screen is locked").await;
    logind.set_session("LockedHint", false).await;
    agent.wait_for_after(seen, "no input since the agent started").await;
    assert_eq!(beats(&database).await, 0);
    // A key.
    monitor.emit_to(agent.pid(), MONITOR, "WatchFired", 7).await;
    agent.wait_for("200: recorded").await;
    assert_eq!(beats(&database).await, 1);
}

#[tokio::test]
async fn a_compositor_that_goes_is_found_again() {
    if !bus::installed() {
        return;
    }
    let session = Bus::start().await;
    let monitor = idle_monitor(&session).await;
    let (_server, database, home) = set_up().await;
    let mut agent =
        home.environment("DBUS_SESSION_BUS_ADDRESS", &session.address()).start(&["--source", "mutter"]);
    let seen = agent.wait_for("no input since the agent started").await;
    monitor.kill().await;
    let seen = agent.wait_for_after(seen, "no source here tells of input").await;
    let monitor = idle_monitor(&session).await;
    let seen = agent.wait_for_after(seen, "no input since the agent started").await;
    monitor.answer(MONITOR, "GetIdletime", "", "t", "0").await;
    monitor.emit_to(agent.pid(), MONITOR, "WatchFired", 7).await;
    agent.wait_for_after(seen, "200: recorded").await;
    assert_eq!(beats(&database).await, 1);
}
