//! GNOME's compositor without a screen (mutter), and keys for it by its own interface for remote desktops.

use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::{Child, Command};
use zbus::{Connection, OwnedObjectPath};

use super::Bus;

/// Programs that this needs.
pub const PROGRAMS: &[&str] = &["mutter"];

const SERVICE: &str = "org.gnome.Mutter.RemoteDesktop";

/// The letter a, as X11 numbers keys.
const KEY: u32 = 0x61;

/// A running compositor, killed when dropped.
#[derive(Debug)]
pub struct Mutter {
    process: Child,
    keyboard: Connection,
    session: OwnedObjectPath,
    _folder: TempDir,
}

impl Mutter {
    /// Starts a compositor on a session bus; waits until it takes keys.
    pub async fn start(bus: &Bus) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let process = Command::new("mutter")
            .args(["--headless", "--virtual-monitor", "1280x720", "--wayland", "--no-x11"])
            .env_remove("DISPLAY")
            .env("XDG_RUNTIME_DIR", folder.path())
            .env("DBUS_SESSION_BUS_ADDRESS", bus.address())
            .env("DBUS_SYSTEM_BUS_ADDRESS", bus.address())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("mutter");
        let keyboard = bus.connect().await;
        bus.has(SERVICE).await;
        let path = "/org/gnome/Mutter/RemoteDesktop";
        let created = keyboard.call_method(Some(SERVICE), path, Some(SERVICE), "CreateSession", &()).await;
        let session = created.expect("a session").body().deserialize().expect("its path");
        let mutter = Self { process, keyboard, session, _folder: folder };
        mutter.call("Start", &()).await;
        mutter
    }

    /// Types a key.
    pub async fn type_key(&self) {
        for is_pressed in [true, false] {
            self.call("NotifyKeyboardKeysym", &(KEY, is_pressed)).await;
        }
    }

    async fn call<B: serde::Serialize + zbus::DynamicType>(&self, method: &str, body: &B) {
        let interface = format!("{SERVICE}.Session");
        let interface = Some(interface.as_str());
        let reply = self.keyboard.call_method(Some(SERVICE), &self.session, interface, method, body).await;
        reply.unwrap_or_else(|error| panic!("{method}: {error}"));
    }

    /// Kills the compositor.
    pub async fn kill(mut self) {
        self.process.kill().await.expect("a running compositor");
    }
}
