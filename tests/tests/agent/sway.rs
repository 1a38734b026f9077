//! sway without a screen. Version 1.7 has KDE's protocol alone.

use heartbeat_tests::{
    Agent,
    rigs::{Sway, installed, sway},
};

use crate::{beats, set_up};

/// Types until an agent logs `text`.
async fn type_until(desktop: &Sway, agent: &mut Agent, seen: usize, text: &str) -> usize {
    tokio::select! {
        seen = agent.wait_for_after(seen, text) => seen,
        () = desktop.keep_typing() => unreachable!("typing does not end"),
    }
}

#[tokio::test]
async fn typing_under_sway_makes_a_beat_and_sway_may_be_restarted() {
    if !installed(sway::PROGRAMS) {
        return;
    }
    let (_server, database, home) = set_up().await;
    let runtime = home.path().join("run");
    let desktop = Sway::start(&runtime).await;
    // Started by systemd, the agent finds the socket by itself.
    let mut agent = home.start(&[]);
    agent.wait_for("no input since the agent started").await;
    assert_eq!(beats(&database).await, 0);
    let seen = type_until(&desktop, &mut agent, 0, "200: recorded").await;
    assert_eq!(beats(&database).await, 1);

    desktop.kill().await;
    let seen = agent.wait_for_after(seen, "kde-idle is lost: ").await;
    let desktop = Sway::start(&runtime).await;
    let seen = agent.wait_for_after(seen, "source of input: kde-idle").await;
    type_until(&desktop, &mut agent, seen, "in use: ").await;
    // What the library has to say of lost connections is no line of ours.
    assert!(agent.log().lines().all(|line| line.starts_with("20")), "{}", agent.log());
}

#[tokio::test]
async fn walking_away_from_sway_ends_the_beats_and_coming_back_resumes_them() {
    if !installed(sway::PROGRAMS) {
        return;
    }
    let (_server, database, home) = set_up().await;
    home.configure("idle_after = \"30s\"");
    let desktop = Sway::start(&home.path().join("run")).await;
    let socket = desktop.socket().to_str().expect("a path in UTF-8");
    let mut agent = home.environment("WAYLAND_DISPLAY", socket).start(&[]);
    agent.wait_for("no input since the agent started").await;
    let seen = type_until(&desktop, &mut agent, 0, "200: recorded").await;
    let seen = agent.wait_for_after(seen, "not in use: last input").await;
    assert_eq!(beats(&database).await, 1);
    desktop.type_key().await;
    agent.wait_for_after(seen, "in use: last input 0s ago").await;
    assert_eq!(beats(&database).await, 2);
}
