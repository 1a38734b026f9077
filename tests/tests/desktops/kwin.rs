//! KWin without a screen. Version 5.27 has `ext_idle_notifier_v1` in version 1, and KDE's own protocol.

use futures_util::future::join_all;
use heartbeat_tests::{
    Agent, AgentHome, Server,
    rigs::{Kwin, installed, kwin},
};

/// Moves the mouse until an agent logs `text`.
async fn move_until(desktop: &Kwin, agent: &mut Agent, seen: usize, text: &str) -> usize {
    tokio::select! {
        seen = agent.wait_for_after(seen, text) => seen,
        () = desktop.keep_moving() => unreachable!("the mouse does not stop"),
    }
}

#[tokio::test]
async fn kwin_tells_of_input_by_both_protocols_and_may_be_restarted() {
    if !installed(kwin::PROGRAMS) {
        return;
    }
    join_all(["ext-idle", "kde-idle"].map(async |source| {
        let (server, database) = Server::fresh().await;
        let (_, token) = server.owner().register("Laptop").await;
        let home = AgentHome::new();
        home.set_up(&server.url(), &token).await;
        home.configure("idle_after = \"30s\"");
        let beats = async || database.number("SELECT count(*) FROM heartbeat.beats").await;
        let runtime = home.path().join("run");
        let desktop = Kwin::start(&runtime).await;
        // Xwayland may be there: its display is not to be asked.
        let home = home.environment("WAYLAND_DISPLAY", "wayland-5").environment("DISPLAY", ":0");
        let mut agent = home.start(&["--source", source]);
        agent.wait_for("no input since the agent started").await;
        assert_eq!(agent.status().await["source"], source);
        assert_eq!(beats().await, 0);
        let seen = move_until(&desktop, &mut agent, 0, "200: recorded").await;
        assert_eq!(beats().await, 1);
        // The user walks away and comes back.
        let seen = agent.wait_for_after(seen, "not in use: last input").await;
        assert_eq!(beats().await, 1);
        desktop.move_mouse();
        let seen = agent.wait_for_after(seen, "in use: last input 0s ago").await;
        assert_eq!(beats().await, 2);

        desktop.kill().await;
        let seen = agent.wait_for_after(seen, " is lost: ").await;
        let desktop = Kwin::start(&runtime).await;
        let seen = agent.wait_for_after(seen, "source of input: ").await;
        move_until(&desktop, &mut agent, seen, "in use: ").await;
    }))
    .await;
}
