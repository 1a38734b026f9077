//! The running agent: its status, pauses, new tokens, and that there is one of it.

use heartbeat_tests::rigs::{Xvfb, installed, xvfb};

use crate::{beats, set_up};

#[tokio::test]
async fn one_agent_of_a_user_runs_and_status_says_what_it_sees() {
    if !installed(xvfb::PROGRAMS) {
        return;
    }
    let desktop = Xvfb::start().await;
    let (server, database, home) = set_up().await;
    let home = home.environment("DISPLAY", desktop.display());
    let (code, printed) = home.run(&["status"]).await;
    assert_eq!(code, 3, "{printed}");
    assert!(printed.contains("the agent is not running"), "{printed}");

    let mut agent = home.start(&[]);
    agent.wait_for("no input since the agent started").await;
    let (code, printed) = home.run(&["run"]).await;
    assert_eq!(code, 1, "{printed}");
    assert!(printed.contains("runs already"), "{printed}");

    desktop.type_key().await;
    agent.wait_for("200: recorded").await;
    let status = agent.status().await;
    assert_eq!(status["pid"], agent.pid());
    assert_eq!(status["url"], server.url());
    assert_eq!(status["source"], "x11");
    assert_eq!(status["usage"]["usage"], "input");
    assert_eq!(status["last_answer"]["text"], format!("{}: 200: recorded", server.url()));
    assert_eq!(beats(&database).await, 1);
    let (_, printed) = home.run(&["status"]).await;
    assert!(printed.contains("Device:    in use: last input "), "{printed}");
    assert!(printed.contains("Next beat: in "), "{printed}");

    agent.kill().await;
    assert_eq!(home.run(&["status"]).await.0, 3, "its lock went with it");
}

#[tokio::test]
async fn a_refused_token_stops_the_agent_until_setup_gives_it_another() {
    if !installed(xvfb::PROGRAMS) {
        return;
    }
    let desktop = Xvfb::start().await;
    let (server, database, home) = set_up().await;
    home.set_up(&server.url(), "hbt_unknown").await;
    let mut agent = home.clone().environment("DISPLAY", desktop.display()).start(&[]);
    agent.wait_for("no input since the agent started").await;
    desktop.type_key().await;
    agent.wait_for("the server does not know the token").await;
    let status = agent.status().await;
    assert_eq!(status["next_beat"]["due"], "unknown_token", "{status}");
    assert_eq!(beats(&database).await, 0);

    let (_, token) = server.owner().register("Desktop").await;
    home.set_up(&server.url(), &token).await;
    agent.wait_for("the configuration changed").await;
    // The agent looks at the configuration once a minute, and then wants to see input.
    desktop.type_key().await;
    agent.wait_for("200: recorded").await;
    assert_eq!(beats(&database).await, 1);
    assert!(!agent.log().contains("hbt_"), "{}", agent.log());
}

#[tokio::test]
async fn a_pause_keeps_beats_back_until_it_is_ended() {
    if !installed(xvfb::PROGRAMS) {
        return;
    }
    let desktop = Xvfb::start().await;
    let (_server, database, home) = set_up().await;
    let home = home.environment("DISPLAY", desktop.display());
    let (code, printed) = home.run(&["pause", "2h"]).await;
    assert_eq!(code, 0, "{printed}");
    let mut agent = home.start(&[]);
    agent.wait_for("paused until ").await;
    desktop.type_key().await;
    assert_eq!(home.run(&["pause", "off"]).await.0, 0);
    agent.wait_for("200: recorded").await;
    assert_eq!(beats(&database).await, 1);
    assert_eq!(home.run(&["pause", "soon"]).await.0, 2);
}

#[tokio::test]
async fn the_token_is_neither_in_arguments_nor_in_the_environment() {
    let (_server, _database, home) = set_up().await;
    let mut agent = home.start(&[]);
    agent.wait_for("beating at").await;
    for listing in ["cmdline", "environ"] {
        let text = std::fs::read_to_string(format!("/proc/{}/{listing}", agent.pid())).expect("a listing");
        assert!(!text.is_empty() && !text.contains("hbt_"), "{listing}: {text}");
    }
}
