//! `install` and `uninstall` with a real user manager of systemd.

use heartbeat_tests::{
    AgentHome, eventually,
    rigs::{UserManager, Xvfb, installed, xvfb},
};

use crate::{beats, set_up};

/// Unit that `install` writes.
const UNIT: &str = "heartbeat-agent.service";

async fn is_running(home: &AgentHome) -> bool {
    home.run(&["status"]).await.0 == 0
}

#[tokio::test]
async fn an_installed_agent_starts_and_ends_with_the_desktop() {
    if !installed(xvfb::PROGRAMS) {
        return;
    }
    let (_server, database, home) = set_up().await;
    let Some(manager) = UserManager::start(&home).await else { return };
    let desktop = Xvfb::start().await;
    manager.start_desktop(desktop.display()).await;

    // As over ssh: without a display of its own.
    let before = home.files();
    let (code, printed) = home.run(&["install"]).await;
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains("Started the agent by systemd, process "), "{printed}");
    assert!(printed.contains("The agent beats while you use this device."), "{printed}");
    assert_eq!(manager.systemctl(&["is-enabled", UNIT]).await.0, "enabled");
    eventually("the agent has looked", async || is_running(&home).await).await;
    desktop.type_key().await;
    eventually("a beat, after that of `install`", async || beats(&database).await == 2).await;

    let process = async || manager.systemctl(&["show", "--property=MainPID", "--value", UNIT]).await.0;
    let first = process().await;
    let (code, printed) = home.run(&["install"]).await;
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains("Nothing to change"), "{printed}");
    assert_eq!(process().await, first, "it was left alone");

    manager.stop_desktop().await;
    eventually("the agent ended", async || !is_running(&home).await).await;
    manager.start_desktop(desktop.display()).await;
    eventually("it runs again", async || is_running(&home).await).await;
    // systemd's own generator for XDG autostart leaves the entry alone.
    let (units, _) = manager.systemctl(&["list-unit-files", "app-*"]).await;
    assert!(!units.contains("heartbeat"), "{units}");

    let (code, printed) = home.run(&["uninstall"]).await;
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains("Stopped the agent, process "), "{printed}");
    let configuration =
        [".config", ".config/heartbeat-agent", ".config/heartbeat-agent/config.toml"].map(Into::into);
    assert_eq!(before, home.files().into_iter().chain(configuration).collect(), "but for the configuration");
    assert_eq!(manager.systemctl(&["is-active", UNIT]).await.0, "inactive");
    assert!(!manager.systemctl(&["cat", UNIT]).await.1, "systemd has forgotten it");
}

#[tokio::test]
async fn systemd_does_not_restart_an_agent_whose_configuration_is_wrong() {
    let (_server, _database, home) = set_up().await;
    let home = home.environment("XDG_DATA_DIRS", "/nowhere");
    let Some(manager) = UserManager::start(&home).await else { return };
    let (code, printed) = home.run(&["install"]).await;
    assert_eq!(code, 0, "{printed}");
    home.configure("color = 1");
    // Whether `systemctl` sees it start before it fails is a matter of milliseconds.
    let _ = manager.systemctl(&["restart", UNIT]).await;
    let properties = ["show", "--property=ActiveState,NRestarts,ExecMainStatus", UNIT];
    let expected = "NRestarts=0\nExecMainStatus=78\nActiveState=failed";
    eventually("it failed for good", async || manager.systemctl(&properties).await.0 == expected).await;
}

#[tokio::test]
async fn an_agent_that_the_desktop_starts_replaces_that_of_systemd_without_a_restart() {
    let (_server, _database, home) = set_up().await;
    let home = home.environment("XDG_DATA_DIRS", "/nowhere");
    let Some(manager) = UserManager::start(&home).await else { return };
    let (code, printed) = home.run(&["install"]).await;
    assert_eq!(code, 0, "{printed}");
    let mut agent = home.start(&["--replace"]);
    agent.wait_for("beating at").await;
    let properties = ["show", "--property=ActiveState,NRestarts,Result", UNIT];
    let expected = "Result=success\nNRestarts=0\nActiveState=inactive";
    eventually("the other one ended", async || manager.systemctl(&properties).await.0 == expected).await;
    // And the other way round.
    assert!(manager.systemctl(&["start", UNIT]).await.1);
    assert_eq!(agent.ended().await, -1, "by a signal");
    eventually("that of systemd runs", async || is_running(&home).await).await;
}

#[tokio::test]
async fn systemd_starts_a_program_whatever_its_folder_is_called() {
    for folder in ["a b", "100%", "a$b=c", r#"it's "a" \ folder"#] {
        let (_server, _database, home) = set_up().await;
        // A machine without a desktop.
        let home = home.program_in(folder).environment("XDG_DATA_DIRS", "/nowhere");
        let Some(manager) = UserManager::start(&home).await else { return };
        let (code, printed) = home.run(&["install"]).await;
        assert_eq!(code, 0, "{printed}");
        assert!(printed.contains("Started the agent by systemd"), "{printed}");
        assert!(home.path().join(".config/systemd/user/default.target.wants").join(UNIT).exists());
        assert_eq!(manager.systemctl(&["is-enabled", UNIT]).await.0, "enabled");
        eventually("it runs", async || is_running(&home).await).await;
    }
}
