//! Wayland, as a compositor in this process: every protocol, and what real compositors rarely do.

use futures_util::future::join_all;
use heartbeat_tests::{
    Agent, AgentHome, Database, Server, eventually,
    rigs::{Compositor, Offers, Xvfb, installed, xvfb},
};

use crate::{beats, set_up};

/// All that compositors offer.
const ALL: [Offers; 3] = [Offers::ExtIdle(1), Offers::ExtIdle(2), Offers::KdeIdle];

/// Name of the source that takes it.
fn source(offers: Offers) -> &'static str {
    if offers == Offers::KdeIdle { "kde-idle" } else { "ext-idle" }
}

/// A compositor, and an agent that is set up for it.
struct Desk {
    compositor: Compositor,
    home: AgentHome,
    database: Database,
    _server: Server,
}

impl Desk {
    async fn with(offers: Offers) -> Self {
        let (server, database, home) = set_up().await;
        home.configure("idle_after = \"30s\"");
        let compositor = Compositor::start(&home.path().join("run/wayland-7"), offers);
        let home = home.environment("WAYLAND_DISPLAY", "wayland-7");
        Self { compositor, home, database, _server: server }
    }

    /// Starts an agent, and waits until its notifications are idle, as they are on a machine that was left.
    async fn start(&mut self) -> Agent {
        let mut agent = self.home.start(&[]);
        agent.wait_for("no input since the agent started").await;
        self.compositor.idle().await;
        agent
    }

    async fn beats(&self) -> i64 {
        beats(&self.database).await
    }
}

/// Waits until an agent has looked at everything once more.
async fn look(home: &AgentHome) {
    let report = home.path().join("run/heartbeat-agent/status.json");
    let modified = || report.metadata().and_then(|file| file.modified()).ok();
    let before = modified();
    eventually("the agent looks again", async || modified() > before).await;
}

#[tokio::test]
async fn a_machine_that_was_left_is_not_in_use_before_there_is_input() {
    join_all(ALL.map(async |offers| {
        let mut desk = Desk::with(offers).await;
        let mut agent = desk.start().await;
        // Time alone does not make it so either.
        look(&desk.home).await;
        assert_eq!(desk.beats().await, 0, "{offers:?}");
        let status = agent.status().await;
        assert_eq!(status["source"], source(offers));
        assert_eq!(status["usage"]["usage"], "no_input_yet");
        desk.compositor.input(0);
        agent.wait_for("200: recorded").await;
        assert_eq!(desk.beats().await, 1, "{offers:?}");
    }))
    .await;
}

#[tokio::test]
async fn a_video_keeps_a_device_in_use_and_an_empty_chair_does_not() {
    let scenes = ALL.into_iter().map(|offers| (offers, true)).chain([(Offers::ExtIdle(2), false)]);
    join_all(scenes.map(async |(offers, has_video)| {
        let mut desk = Desk::with(offers).await;
        let mut agent = desk.start().await;
        desk.compositor.input(0);
        let seen = agent.wait_for("200: recorded").await;
        desk.compositor.inhibit(has_video);
        let (usage, beats) = if has_video {
            ("in use: a video or a call keeps the screen on, last input", 2)
        } else {
            ("not in use: last input", 1)
        };
        agent.wait_for_after(seen, usage).await;
        assert_eq!(desk.beats().await, beats, "{offers:?}");
    }))
    .await;
}

#[tokio::test]
async fn a_video_on_a_machine_that_was_left_is_no_use_where_it_can_be_told_from_input() {
    let mut desk = Desk::with(Offers::ExtIdle(2)).await;
    let agent = desk.start().await;
    desk.compositor.inhibit(true);
    look(&desk.home).await;
    assert_eq!(agent.status().await["usage"]["usage"], "no_input_yet");
    assert_eq!(desk.beats().await, 0);
}

#[tokio::test]
async fn every_seat_counts_and_seats_come_and_go() {
    let mut desk = Desk::with(Offers::ExtIdle(2)).await;
    let mut agent = desk.start().await;
    desk.compositor.add_seat(1);
    desk.compositor.remove_seat(0);
    desk.compositor.idle().await;
    desk.compositor.input(1);
    agent.wait_for("200: recorded").await;
    assert_eq!(desk.beats().await, 1);
}

#[tokio::test]
async fn a_compositor_that_is_gone_is_no_source_and_another_one_is_found_by_its_socket() {
    let mut desk = Desk::with(Offers::ExtIdle(1)).await;
    let mut agent = desk.start().await;
    desk.compositor.input(0);
    let seen = agent.wait_for("200: recorded").await;
    // Its socket stays behind, and the next one has another name.
    let other = desk.home.path().join("run/wayland-8");
    drop(std::mem::replace(&mut desk.compositor, Compositor::start(&other, Offers::KdeIdle)));
    let seen = agent.wait_for_after(seen, "not in use: no input").await;
    assert_eq!(agent.status().await["source"], "kde-idle");
    desk.compositor.idle().await;
    desk.compositor.input(0);
    agent.wait_for_after(seen, "in use: last input 0s ago").await;
}

#[tokio::test]
async fn without_a_compositor_there_is_no_source_until_one_comes() {
    let Desk { compositor, home, database, _server } = Desk::with(Offers::ExtIdle(2)).await;
    let path = compositor.path().to_owned();
    let mut agent = home.start(&["--source", "ext-idle"]);
    agent.wait_for("no input since the agent started").await;
    drop(compositor);
    let seen = agent.wait_for("no source here tells of input").await;
    assert_eq!(agent.status().await["source"], serde_json::Value::Null);
    // At first the reason is that the connection was closed.
    eventually("a compositor that cannot be reached", async || {
        let reason = agent.status().await["rejected"][0]["reason"].to_string();
        reason.contains("wayland-7 cannot be reached: Connection refused")
    })
    .await;
    let mut compositor = Compositor::start(&path, Offers::ExtIdle(2));
    let seen = agent.wait_for_after(seen, "no input since the agent started").await;
    compositor.idle().await;
    compositor.input(0);
    agent.wait_for_after(seen, "200: recorded").await;
    assert_eq!(beats(&database).await, 1);
}

#[tokio::test]
async fn a_compositor_that_never_answers_stands_in_nothings_way() {
    let desk = Desk::with(Offers::ExtIdle(2)).await;
    desk.compositor.freeze();
    let mut agent = desk.home.start(&["--source", "ext-idle"]);
    let seen = agent.wait_for("no source here tells of input").await;
    let status = agent.status().await;
    let reason = status["rejected"][0]["reason"].as_str().expect("a reason").to_owned();
    assert!(reason.contains("wayland-7 does not answer"), "{reason}");
    let mut other = Compositor::start(&desk.home.path().join("run/wayland-8"), Offers::ExtIdle(2));
    agent.wait_for_after(seen, "no input since the agent started").await;
    other.idle().await;
    other.input(0);
    agent.wait_for("200: recorded").await;
    assert_eq!(desk.beats().await, 1);
}

#[tokio::test]
async fn the_silence_of_a_compositor_that_hangs_is_no_input() {
    let mut desk = Desk::with(Offers::ExtIdle(2)).await;
    let mut agent = desk.start().await;
    desk.compositor.input(0);
    let seen = agent.wait_for("200: recorded").await;
    // It said that there is input, and never says that it ended.
    desk.compositor.freeze();
    agent.wait_for_after(seen, "ext-idle is lost: ").await;
    assert_eq!(desk.beats().await, 1);
}

#[tokio::test]
async fn x11_is_never_asked_in_a_wayland_session() {
    if !installed(xvfb::PROGRAMS) {
        return;
    }
    let desktop = Xvfb::start().await;
    let Desk { compositor, home, database, _server } = Desk::with(Offers::Nothing).await;
    // An agent that systemd started knows of the session by its socket alone.
    for home in [home.clone(), home.clone().environment("WAYLAND_DISPLAY", "")] {
        let mut agent = home.environment("DISPLAY", desktop.display()).start(&[]);
        // There may be a console.
        agent.wait_for("not ").await;
        desktop.type_key().await;
        let status = agent.status().await;
        let x11 = status["rejected"].as_array().expect("a list").iter().find(|other| other["kind"] == "x11");
        let reason = x11.expect("X11")["reason"].as_str().expect("a reason");
        assert!(reason.contains("this is a Wayland session"), "{reason}");
        agent.kill().await;
    }
    assert_eq!(beats(&database).await, 0);
    // A socket that was left behind is no session.
    drop(compositor);
    let home = home.environment("WAYLAND_DISPLAY", "").environment("DISPLAY", desktop.display());
    let mut agent = home.start(&[]);
    agent.wait_for("no input since the agent started").await;
    assert_eq!(agent.status().await["source"], "x11");
}
