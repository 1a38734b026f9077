//! Windows, as far as wine goes: a Windows of its own for each test, on an X server without a screen.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command as Blocking, Stdio},
};

use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::{Xvfb, xvfb};
use crate::{AgentHome, skipped};

/// User of that Windows.
const USER: &str = "you";

/// Key of the registry with a value for each program that starts with the session.
const RUN: &str = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run";

/// A running Windows, ended when dropped.
#[derive(Debug)]
pub struct Wine {
    prefix: TempDir,
    desktop: Xvfb,
    home: AgentHome,
}

impl Wine {
    /// Starts a Windows with the agent in a folder of its user's; `None` where there is no wine or no agent for it.
    pub async fn start() -> Option<Self> {
        let built = built()?;
        let desktop = Xvfb::start().await;
        let prefix = TempDir::new().expect("a temporary folder");
        let folder = prefix.path().join("drive_c/Heartbeat");
        let program = folder.join("heartbeat-agent.exe");
        let home = AgentHome::new()
            .with_program(&[Path::new("wine"), &program])
            .environment("DISPLAY", desktop.display())
            .environment("USER", USER)
            .environment("WINEPREFIX", &prefix.path().display().to_string())
            .environment("WINEDEBUG", "-all")
            // Installers of parts that the agent does not need would ask for a click.
            .environment("WINEDLLOVERRIDES", "mscoree,mshtml=");
        let wine = Self { prefix, desktop, home };
        wine.boot().await;
        std::fs::create_dir_all(&folder).expect("a folder");
        for file in std::fs::read_dir(built).expect("the agent").flatten() {
            std::fs::copy(file.path(), folder.join(file.file_name())).expect("a copy");
        }
        Some(wine)
    }

    /// Home in which commands of the agent run.
    pub fn home(&self) -> &AgentHome {
        &self.home
    }

    /// Starts Windows, and with it what the user's list of programs names.
    pub async fn boot(&self) {
        assert!(self.command("wineboot", &[]).status().await.expect("wineboot").success());
    }

    /// Ends all programs at once, as when the power fails.
    pub async fn end(&self) {
        for argument in ["--kill", "--wait"] {
            self.command("wineserver", &[argument]).status().await.expect("wineserver");
        }
    }

    /// Runs `install`; returns its exit code, and what it printed to standard output. Not to standard error, which wine
    /// leaves open in the agent that is started, so that its end never comes.
    pub async fn install(&self) -> (i32, String) {
        let process = self.home.command(&["install"]).stderr(Stdio::null()).spawn().expect("a process");
        let output = process.wait_with_output().await.expect("an end");
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Opens a window that has the keyboard.
    pub async fn open_window(&self) -> Child {
        let window = self.command("wine", &["notepad"]).spawn().expect("notepad");
        self.desktop
            .xdotool(&["search", "--sync", "--onlyvisible", "--name", "Notepad", "windowfocus"])
            .await;
        window
    }

    /// Types a key.
    pub async fn type_key(&self) {
        self.desktop.type_key().await;
    }

    /// Ids of the windows that can be seen.
    pub async fn windows(&self) -> String {
        let output = Command::new("xdotool")
            .args(["search", "--onlyvisible", "--name", "."])
            .env("DISPLAY", self.desktop.display())
            .output();
        String::from_utf8_lossy(&output.await.expect("xdotool").stdout).into_owned()
    }

    /// Names of the programs that start with the session, and their command lines.
    pub async fn run_key(&self) -> String {
        let output = self.command("wine", &["reg", "query", RUN]).output().await.expect("reg");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Folder below the user's `AppData`.
    pub fn app_data(&self, name: &str) -> PathBuf {
        self.prefix.path().join(format!("drive_c/users/{USER}/AppData/{name}"))
    }

    /// Path of a file of this machine, as Windows has it.
    pub fn path(file: &Path) -> String {
        format!("Z:{}", file.display()).replace('/', r"\")
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = self.home.clone().with_program(&[Path::new(program)]).command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        // Its processes are not children of the test.
        let _ = Blocking::new("wineserver").arg("--kill").env("WINEPREFIX", self.prefix.path()).status();
    }
}

/// Returns the folder of what infra/scripts/build-agent-windows has built.
fn built() -> Option<PathBuf> {
    let test = env::current_exe().expect("the path of this test");
    let folder = test.ancestors().nth(3).expect("target").join("agent-windows");
    if folder.join("heartbeat-agent.exe").exists() {
        assert!(super::installed(&[&["wine", "wineserver", "wineboot"], xvfb::PROGRAMS].concat()));
        return Some(folder);
    }
    skipped("there is no agent for Windows: infra/scripts/test-agent builds it");
    None
}
