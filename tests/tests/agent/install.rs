//! `install` and `uninstall` where no user manager of systemd runs.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Stdio};

use heartbeat_tests::{
    AgentHome, eventually,
    rigs::{Xvfb, installed, xvfb},
};
use tokio::process::Command;

use crate::{beats, set_up};

/// Files that `install` writes.
const UNIT: &str = ".config/systemd/user/heartbeat-agent.service";
const ENTRY: &str = ".config/autostart/heartbeat-agent.desktop";
const LINK: &str = ".config/systemd/user/graphical-session.target.wants/heartbeat-agent.service";
const LOGIN_LINK: &str = ".config/systemd/user/default.target.wants/heartbeat-agent.service";

/// Puts programs before those of the system, and gives the user the desktop files of `share`.
fn with_programs(home: AgentHome, programs: &[(&str, &str)]) -> AgentHome {
    let folder = home.path().join("programs");
    fs::create_dir(&folder).expect("a folder");
    for (name, text) in programs {
        let file = folder.join(name);
        fs::write(&file, format!("#!/bin/sh\n{text}\n")).expect("a program");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o700)).expect("a program");
    }
    fs::create_dir_all(home.path().join("share/xsessions")).expect("a folder");
    fs::write(home.path().join("share/xsessions/any.desktop"), "").expect("a session");
    let (path, share) = (folder.display().to_string(), home.path().join("share").display().to_string());
    home.environment("PATH", &format!("{path}:/usr/bin:/bin")).environment("XDG_DATA_DIRS", &share)
}

/// A `systemctl` of a user manager without a desktop. It records what it is asked.
const SYSTEMCTL: &str = "echo \"$*\" >>\"$HOME/asked\"; [ \"$2\" != is-active ]";

/// Returns what `systemctl` was asked, and forgets it.
fn asked(home: &AgentHome) -> String {
    let file = home.path().join("asked");
    let text = fs::read_to_string(&file).unwrap_or_default();
    let _ = fs::remove_file(&file);
    text
}

async fn check(home: &AgentHome, program: &str, arguments: &[&str], file: &str) {
    let mut command = home.environ(Command::new(program));
    let output = command.args(arguments).arg(home.path().join(file)).output().await.expect("a process");
    let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && printed.is_empty(), "{program}: {printed}");
}

async fn install(home: &AgentHome) -> String {
    let (code, printed) = home.run(&["install"]).await;
    assert_eq!(code, 0, "{printed}");
    printed
}

fn exists(home: &AgentHome, file: &str) -> bool {
    home.path().join(file).symlink_metadata().is_ok()
}

#[tokio::test]
async fn what_install_writes_is_valid_is_written_once_and_uninstall_leaves_nothing() {
    if !installed(&["systemd-analyze", "desktop-file-validate"]) {
        return;
    }
    let (server, database, home) = set_up().await;
    fs::remove_dir_all(home.path().join(".config")).expect("the configuration");
    let home = with_programs(home, &[("systemctl", SYSTEMCTL)]);
    let before = home.files();
    let (_, token) = server.owner().register("Other laptop").await;
    home.set_up(&server.url(), &token).await;

    let printed = install(&home).await;
    assert_eq!(beats(&database).await, 1, "the test beat");
    for line in ["200: recorded", &format!("Wrote {}", home.path().join(UNIT).display()), ENTRY, LINK] {
        assert!(printed.contains(line), "{line} is missing in {printed}");
    }
    assert!(printed.contains("No desktop runs now"), "{printed}");
    assert!(!printed.contains("The agent beats"), "{printed}");
    assert_eq!(
        asked(&home),
        "--user daemon-reload\n--user daemon-reload\n--user is-active --quiet graphical-session.target\n"
    );
    check(&home, "systemd-analyze", &["verify", "--user", "--man=no"], UNIT).await;
    check(&home, "desktop-file-validate", &[], ENTRY).await;
    assert_eq!(fs::read_link(home.path().join(LINK)).expect("a link"), home.path().join(UNIT));

    let written = home.files();
    let printed = install(&home).await;
    assert!(printed.contains("Nothing to change"), "{printed}");
    assert!(!printed.contains("Wrote"), "{printed}");
    asked(&home);
    assert_eq!(home.files(), written);

    let (code, printed) = home.run(&["uninstall"]).await;
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains(&format!("Removed {}", home.path().join(LINK).display())), "{printed}");
    assert_eq!(
        asked(&home),
        "--user stop heartbeat-agent.service\n--user reset-failed heartbeat-agent.service\n--user daemon-reload\n"
    );
    assert_eq!(home.files(), before);
    assert_eq!(home.run(&["uninstall"]).await, (0, String::new()), "there is nothing left to do");
}

#[tokio::test]
async fn without_systemd_the_desktop_starts_the_agent_and_install_does_so_now() {
    if !installed(xvfb::PROGRAMS) {
        return;
    }
    let desktop = Xvfb::start().await;
    let (_server, database, home) = set_up().await;
    let nothing = home.path().join("run").display().to_string();
    let home = home.environment("PATH", &nothing).environment("DISPLAY", desktop.display());
    let printed = install(&home).await;
    assert!(printed.contains("Started the agent, process "), "{printed}");
    assert!(exists(&home, ENTRY) && !exists(&home, UNIT), "{:?}", home.files());
    let is_running = async || home.run(&["status"]).await.0 == 0;
    eventually("the agent has looked", is_running).await;
    desktop.type_key().await;
    eventually("a beat, after that of `install`", async || beats(&database).await == 2).await;
    assert!(install(&home).await.contains("Nothing to change"));

    let (code, printed) = home.run(&["uninstall"]).await;
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains("Stopped the agent"), "{printed}");
    assert_eq!(home.files(), [Path::new("run").to_owned()].into());
}

#[tokio::test]
async fn a_desktop_starts_a_program_whatever_its_folder_is_called() {
    if !installed(&["gio"]) {
        return;
    }
    for folder in ["a b", "100%", "a$b=c", r#"it's "a" \ `folder`"#] {
        let (_server, _database, home) = set_up().await;
        let home = with_programs(home.program_in(folder), &[("systemctl", SYSTEMCTL)]);
        install(&home).await;
        check(&home, "desktop-file-validate", &[], ENTRY).await;
        assert_eq!(home.run(&["status"]).await.0, 3, "it does not run yet");
        let mut gio = home.environ(Command::new("gio"));
        // The agent inherits them.
        gio.stdout(Stdio::null()).stderr(Stdio::null());
        let status = gio.arg("launch").arg(home.path().join(ENTRY)).status().await;
        assert!(status.expect("gio").success(), "{folder}");
        eventually("it runs", async || home.run(&["status"]).await.0 == 0).await;
        let (code, printed) = home.run(&["uninstall"]).await;
        assert_eq!(code, 0, "{printed}");
        assert!(printed.contains("Stopped the agent"), "{printed}");
    }
}

#[tokio::test]
async fn a_machine_without_a_desktop_starts_the_agent_at_login() {
    let (_server, _database, home) = set_up().await;
    let systemctl = "[ \"$2\" != restart ] || \"$AGENT\" run --replace >/dev/null 2>&1 &";
    let program = home.program().display().to_string();
    let home = with_programs(home, &[("systemctl", systemctl)]).environment("AGENT", &program);
    let desktop = home.clone();
    let home = home.environment("XDG_DATA_DIRS", "/nowhere");
    let printed = install(&home).await;
    assert!(printed.contains("Started the agent by systemd"), "{printed}");
    assert!(exists(&home, LOGIN_LINK) && !exists(&home, LINK) && !exists(&home, ENTRY), "{:?}", home.files());

    // Once a desktop was installed, it starts with that.
    install(&desktop).await;
    assert!(exists(&home, LINK) && exists(&home, ENTRY) && !exists(&home, LOGIN_LINK), "{:?}", home.files());
    let (code, printed) = home.run(&["uninstall"]).await;
    assert_eq!(code, 0, "{printed}");
}

#[tokio::test]
async fn the_unit_of_a_package_is_taken_if_it_starts_this_program() {
    let (_server, _database, home) = set_up().await;
    let home = with_programs(home, &[("systemctl", SYSTEMCTL)]);
    install(&home).await;
    let own = fs::read_to_string(home.path().join(UNIT)).expect("the unit");
    let packaged = home.path().join("share/systemd/user/heartbeat-agent.service");
    fs::create_dir_all(packaged.parent().expect("a folder")).expect("a folder");

    let other = own.replace(&home.program().display().to_string(), "/usr/bin/heartbeat-agent");
    assert_ne!(other, own);
    fs::write(&packaged, other).expect("a unit");
    assert!(install(&home).await.contains("Nothing to change"), "it starts another program");

    fs::write(&packaged, own).expect("a unit");
    install(&home).await;
    assert!(!exists(&home, UNIT));
    assert_eq!(fs::read_link(home.path().join(LINK)).expect("a link"), packaged);
    let (code, printed) = home.run(&["uninstall"]).await;
    assert_eq!(code, 0, "{printed}");
    assert!(packaged.exists() && !exists(&home, LINK), "{:?}", home.files());
}

#[tokio::test]
async fn mistakes_are_named() {
    let (_server, _database, home) = set_up().await;
    let home = with_programs(home.program_in("bin"), &[("systemctl", SYSTEMCTL)]);
    let printed = install(&home).await;
    assert!(printed.contains("may vanish, as /tmp is a folder of temporary files"), "{printed}");
    assert!(printed.contains("Move the program"), "{printed}");

    let unwritable = home.clone().environment("XDG_CONFIG_HOME", "/proc");
    let (code, printed) = unwritable.run(&["install"]).await;
    assert_eq!(code, 78, "{printed}");
    let (code, printed) = AgentHome::new().run(&["install"]).await;
    assert_eq!(code, 78, "{printed}");
    assert!(printed.contains("run `heartbeat-agent setup URL` first"), "{printed}");

    fs::remove_dir_all(home.path().join(".config/systemd")).expect("the unit");
    fs::write(home.path().join(".config/systemd"), "").expect("a file in its place");
    let (code, printed) = home.run(&["install"]).await;
    assert_eq!(code, 1, "{printed}");
    assert!(printed.contains(UNIT), "{printed}");
}

#[tokio::test]
async fn sudo_is_refused_as_the_session_is_the_users() {
    let home = AgentHome::new().environment("SUDO_USER", "alice");
    for command in ["install", "uninstall"] {
        let (code, printed) = home.run(&[command]).await;
        if printed.contains("there is no configuration yet") || code == 0 {
            heartbeat_tests::skipped("only root sees this");
            return;
        }
        assert_eq!(code, 2, "{printed}");
        assert!(
            printed.contains(&format!("run it as alice, without sudo: heartbeat-agent {command}")),
            "{printed}"
        );
    }
}
