//! systemd's user manager, without a systemd that started the machine.

use std::process::Stdio;

use tokio::process::{Child, ChildStdin, Command};

use crate::{AgentHome, eventually, skipped};

/// Programs that this needs.
pub const PROGRAMS: &[&str] = &["systemctl", "systemd-analyze", "unshare", "/lib/systemd/systemd"];

/// Starts a user manager in a mount namespace of its own, where systemd seems to have started the machine, and in a
/// control group of its own. Ends all of it when its standard input is closed.
const SCRIPT: &str = r#"
set -e
mount -t tmpfs none /run
mkdir -p /run/systemd/system
mount -t cgroup2 none /sys/fs/cgroup
group=/sys/fs/cgroup/heartbeat-test-$$
mkdir "$group"
trap 'find "$group" -depth -type d -exec rmdir {} +' EXIT
sh -c 'echo $$ >"$0/cgroup.procs"; exec /lib/systemd/systemd --user' "$group" &
cat >/dev/null
kill $!
wait $! || true
"#;

/// A desktop, as the units of real ones begin and end `graphical-session.target`, which cannot be started by hand.
const DESKTOP: &str = "[Unit]\nBindsTo=graphical-session.target\n";

/// A running user manager, which ends with all that it started when dropped.
#[derive(Debug)]
pub struct UserManager {
    home: AgentHome,
    _process: Child,
    _stdin: ChildStdin,
}

impl UserManager {
    /// Starts a user manager for the user of `home`; `None` where that cannot be done.
    pub async fn start(home: &AgentHome) -> Option<Self> {
        if !super::installed(PROGRAMS) {
            return None;
        }
        let may_unshare = Command::new("unshare")
            .args(["--mount", "sh", "-c", "mount -t cgroup2 none /sys/fs/cgroup && test -w /sys/fs/cgroup"])
            .stderr(Stdio::null())
            .status()
            .await;
        if !may_unshare.is_ok_and(|status| status.success()) {
            skipped("a user manager of systemd needs root, and a control group that can be written to");
            return None;
        }
        let mut process = home
            .environ(Command::new("unshare"))
            .args(["--mount", "--propagation", "private", "sh", "-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a process");
        let stdin = process.stdin.take().expect("its standard input");
        let manager = Self { home: home.clone(), _process: process, _stdin: stdin };
        eventually("the user manager has started", async || {
            manager.systemctl(&["is-active", "default.target"]).await.1
        })
        .await;
        Some(manager)
    }

    /// Starts a desktop on an X server.
    pub async fn start_desktop(&self, display: &str) {
        let units = self.home.path().join("run/systemd/user");
        std::fs::create_dir_all(&units).expect("a folder");
        std::fs::write(units.join("desktop.target"), DESKTOP).expect("a unit");
        for command in [
            &["daemon-reload"][..],
            &["set-environment", &format!("DISPLAY={display}")],
            &["start", "desktop.target"],
        ] {
            assert!(self.systemctl(command).await.1, "{command:?}");
        }
    }

    /// Ends the desktop.
    pub async fn stop_desktop(&self) {
        assert!(self.systemctl(&["stop", "desktop.target"]).await.1);
    }

    /// Runs `systemctl --user`; returns what it prints, and whether it succeeded.
    pub async fn systemctl(&self, arguments: &[&str]) -> (String, bool) {
        let mut command = self.home.environ(Command::new("systemctl"));
        let output = command.arg("--user").args(arguments).output().await.expect("systemctl");
        (String::from_utf8_lossy(&output.stdout).trim().to_owned(), output.status.success())
    }
}
