//! sway without a screen, and keys for it (wtype). sway refuses to run as root, so it runs as another user there.

use std::{
    os::unix::{
        fs::{PermissionsExt, chown},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    process::{Child, Command},
    time::interval,
};

use crate::eventually;

/// Programs that this needs.
pub const PROGRAMS: &[&str] = &["sway", "wtype", "setpriv"];

/// User who runs what root may not: `nobody`.
const NOBODY: u32 = 65534;

/// A running sway, killed when dropped.
#[derive(Debug)]
pub struct Sway {
    process: Child,
    runtime: PathBuf,
    socket: PathBuf,
}

impl Sway {
    /// Starts sway in a session with this folder as `XDG_RUNTIME_DIR`.
    pub async fn start(runtime: &Path) -> Self {
        let config = runtime.join("sway.conf");
        std::fs::write(&config, "xwayland disable\n").expect("a configuration");
        open_to_nobody(runtime);
        let process = command("sway", runtime)
            .args(["--config", config.to_str().expect("a path in UTF-8")])
            .env("WLR_BACKENDS", "headless")
            .env("WLR_RENDERER", "pixman")
            .env("WLR_LIBINPUT_NO_DEVICES", "1")
            .spawn()
            .expect("sway");
        let mut socket = None;
        eventually("sway listens", async || {
            // A sway that was killed left its socket behind, and the next one takes the same name.
            socket = sockets(runtime).into_iter().find(|socket| UnixStream::connect(socket).is_ok());
            socket.is_some()
        })
        .await;
        Self { process, runtime: runtime.to_owned(), socket: socket.expect("a socket") }
    }

    /// Path of its socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Types a key.
    pub async fn type_key(&self) {
        let status = command("wtype", &self.runtime).env("WAYLAND_DISPLAY", &self.socket).arg("a").status();
        assert!(status.await.expect("wtype").success());
    }

    /// Types a key each second, until this is dropped.
    pub async fn keep_typing(&self) {
        let mut seconds = interval(Duration::from_secs(1));
        loop {
            seconds.tick().await;
            self.type_key().await;
        }
    }

    /// Kills it. Its socket stays behind.
    pub async fn kill(mut self) {
        self.process.kill().await.expect("a running compositor");
    }
}

/// A command in a session, as a user who is not root.
fn command(program: &str, runtime: &Path) -> Command {
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        let user = NOBODY.to_string();
        command.args(["--reuid", &user, "--regid", &user, "--clear-groups", program]);
        command
    } else {
        Command::new(program)
    };
    command.env("XDG_RUNTIME_DIR", runtime).env_remove("WAYLAND_DISPLAY").env_remove("DISPLAY");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    command
}

/// Lets that user write to a folder, and find it.
fn open_to_nobody(folder: &Path) {
    if rustix::process::geteuid().is_root() {
        chown(folder, Some(NOBODY), Some(NOBODY)).expect("the folder of root");
        let parent = folder.parent().expect("a folder around it");
        std::fs::set_permissions(parent, PermissionsExt::from_mode(0o711)).expect("the folder of root");
    }
}

/// Sockets of compositors in a folder, stale ones and lock files among them.
fn sockets(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    let is_socket = |path: &PathBuf| path.to_string_lossy().contains("/wayland-");
    entries.filter(is_socket).collect()
}
