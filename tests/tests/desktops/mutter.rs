//! GNOME, as a headless mutter.

use std::time::{Duration, Instant};

use heartbeat_tests::{
    eventually,
    rigs::{Bus, Mutter, bus, installed, mutter},
};

use crate::{beats, set_up};

#[tokio::test]
async fn a_key_makes_a_beat_at_once_and_the_end_of_a_video_does_not() {
    if !installed(mutter::PROGRAMS) || !bus::installed() {
        return;
    }
    let (session, system) = tokio::join!(Bus::start(), Bus::start());
    let manager = "org.gnome.SessionManager";
    let inhibitors = session.mock(manager, "/org/gnome/SessionManager", manager).await;
    inhibitors.answer(manager, "IsInhibited", "u", "b", "False").await;
    inhibitors.add_number(manager, "InhibitedActions", 8).await;
    let logind = system.logind().await;
    logind.add_session().await;
    let desktop = Mutter::start(&session).await;
    desktop.type_key().await;
    let (_server, database, home) = set_up().await;
    let mut agent = home
        .environment("DBUS_SESSION_BUS_ADDRESS", &session.address())
        .environment("DBUS_SYSTEM_BUS_ADDRESS", &system.address())
        .start(&["--source", "mutter"]);
    // Input before the start does not count.
    agent.wait_for("no input since the agent started").await;
    assert_eq!(agent.status().await["source"], "mutter");
    // After 15 seconds without input, the agent waits for a watch of Mutter's.
    let idle = |status: &serde_json::Value| status["at"].as_i64();
    let first = idle(&agent.status().await);
    eventually("a look", async || idle(&agent.status().await) != first).await;
    // The video ends, which starts Mutter's counter anew. The agent looks.
    inhibitors.set_number(manager, "InhibitedActions", 0).await;
    logind.set_session("LockedHint", true).await;
    let seen = agent.wait_for("the screen is locked").await;
    logind.set_session("LockedHint", false).await;
    agent.wait_for_after(seen, "no input since the agent started").await;
    assert_eq!(beats(&database).await, 0);
    let typed = Instant::now();
    desktop.type_key().await;
    agent.wait_for("200: recorded").await;
    assert!(typed.elapsed() < Duration::from_secs(5), "a watch wakes the agent: {:?}", typed.elapsed());
    assert_eq!(beats(&database).await, 1);
}

#[tokio::test]
async fn a_compositor_that_was_killed_is_found_again() {
    if !installed(mutter::PROGRAMS) || !bus::installed() {
        return;
    }
    let session = Bus::start().await;
    let desktop = Mutter::start(&session).await;
    let (_server, database, home) = set_up().await;
    let mut agent =
        home.environment("DBUS_SESSION_BUS_ADDRESS", &session.address()).start(&["--source", "mutter"]);
    let seen = agent.wait_for("no input since the agent started").await;
    desktop.kill().await;
    let seen = agent.wait_for_after(seen, "no source here tells of input").await;
    let desktop = Mutter::start(&session).await;
    // Its start is no input.
    let seen = agent.wait_for_after(seen, "no input since the agent started").await;
    assert_eq!(beats(&database).await, 0);
    desktop.type_key().await;
    agent.wait_for_after(seen, "200: recorded").await;
    assert_eq!(beats(&database).await, 1);
}
