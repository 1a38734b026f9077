//! KWin without a screen, and input for it by KDE's own protocol (`org_kde_kwin_fake_input`).

use std::{
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    process::{Child, Command},
    time::interval,
};
use wayland_client::{
    Connection, Dispatch, EventQueue, QueueHandle, delegate_noop,
    globals::{GlobalListContents, registry_queue_init},
    protocol::wl_registry::{self, WlRegistry},
};
use wayland_protocols_plasma::fake_input::client::org_kde_kwin_fake_input::OrgKdeKwinFakeInput;

use crate::eventually;

/// Programs that this needs.
pub const PROGRAMS: &[&str] = &["kwin_wayland"];

/// A running KWin, killed when dropped.
#[derive(Debug)]
pub struct Kwin {
    process: Child,
    socket: PathBuf,
}

impl Kwin {
    /// Starts KWin in a session with this folder as `XDG_RUNTIME_DIR`.
    pub async fn start(runtime: &Path) -> Self {
        // Containers refuse the capability of the file, which a copy does not have.
        let program = runtime.join("kwin_wayland");
        let installed = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .map(|folder| folder.join("kwin_wayland"))
            .find(|path| path.exists());
        std::fs::copy(installed.expect("KWin"), &program).expect("a copy");
        let socket = runtime.join("wayland-5");
        let process = Command::new(program)
            .args(["--virtual", "--no-lockscreen", "--no-global-shortcuts", "--socket", "wayland-5"])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", runtime)
            .env("XDG_RUNTIME_DIR", runtime)
            // Any client may make input.
            .env("KWIN_WAYLAND_NO_PERMISSION_CHECKS", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("KWin");
        eventually("KWin listens", async || UnixStream::connect(&socket).is_ok()).await;
        Self { process, socket }
    }

    /// Path of its socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Moves the mouse each second, until this is dropped.
    pub async fn keep_moving(&self) {
        let mut mouse = Mouse::connect(&self.socket);
        let mut seconds = interval(Duration::from_secs(1));
        loop {
            seconds.tick().await;
            mouse.step();
        }
    }

    /// Moves the mouse once.
    pub fn move_mouse(&self) {
        Mouse::connect(&self.socket).step();
    }

    /// Kills it. Its socket stays behind.
    pub async fn kill(mut self) {
        self.process.kill().await.expect("a running compositor");
    }
}

/// A client that makes input.
#[derive(Debug)]
struct Mouse {
    events: EventQueue<Deaf>,
    input: OrgKdeKwinFakeInput,
}

impl Mouse {
    fn connect(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).expect("a running compositor");
        let connection = Connection::from_socket(stream).expect("a connection");
        let (globals, events) = registry_queue_init::<Deaf>(&connection).expect("globals");
        let input: OrgKdeKwinFakeInput = globals.bind(&events.handle(), 1..=4, ()).expect("fake input");
        input.authenticate("tests".to_owned(), "a mouse for a machine without one".to_owned());
        Self { events, input }
    }

    /// Moves the mouse, and waits until the compositor has seen it.
    fn step(&mut self) {
        self.input.pointer_motion(5.0, 3.0);
        self.events.roundtrip(&mut Deaf).expect("an answer");
    }
}

/// State of a client that makes input and takes none.
#[derive(Debug)]
struct Deaf;

impl Dispatch<WlRegistry, GlobalListContents> for Deaf {
    fn event(
        _: &mut Self,
        _: &WlRegistry,
        _: wl_registry::Event,
        _: &GlobalListContents,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
    }
}

delegate_noop!(Deaf: ignore OrgKdeKwinFakeInput);
