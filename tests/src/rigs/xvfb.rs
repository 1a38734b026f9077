//! An X server without a screen (Xvfb), and input for it (xdotool).

use std::process::Stdio;

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// Programs that this needs.
pub const PROGRAMS: &[&str] = &["Xvfb", "xdotool"];

/// A running X server, killed when dropped.
#[derive(Debug)]
pub struct Xvfb {
    process: Child,
    display: String,
}

impl Xvfb {
    /// Starts an X server on a free display.
    pub async fn start() -> Self {
        Self::spawn(&["-displayfd", "1"]).await
    }

    /// Starts an X server on a display that another one has left.
    pub async fn start_at(display: &str) -> Self {
        Self::spawn(&[display, "-displayfd", "1"]).await
    }

    /// Starts an X server; waits until it says which display it has.
    async fn spawn(arguments: &[&str]) -> Self {
        let mut process = Command::new("Xvfb")
            // A server that its last client left begins anew, its idle time with it.
            .args(["-noreset", "-nolisten", "tcp"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("Xvfb");
        let stdout = process.stdout.take().expect("its standard output");
        let line = BufReader::new(stdout).lines().next_line().await.expect("a line");
        Self { process, display: format!(":{}", line.expect("a display").trim()) }
    }

    /// Value of `DISPLAY`.
    pub fn display(&self) -> &str {
        &self.display
    }

    /// Moves the mouse.
    pub async fn move_mouse(&self) {
        self.xdotool(&["mousemove_relative", "--", "5", "3"]).await;
    }

    /// Types a key.
    pub async fn type_key(&self) {
        self.xdotool(&["key", "a"]).await;
    }

    /// Runs xdotool.
    pub(crate) async fn xdotool(&self, arguments: &[&str]) {
        let status = Command::new("xdotool").args(arguments).env("DISPLAY", &self.display).status().await;
        assert!(status.expect("xdotool").success());
    }

    /// Kills the server.
    pub async fn kill(mut self) {
        self.process.kill().await.expect("a running X server");
    }
}
