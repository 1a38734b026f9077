//! The browsers and their drivers: where they are, how they start, what they are told.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
};

use fantoccini::wd::Capabilities;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use super::TEST_TIMEOUT;

/// A kind of browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Chromium, driven through ChromeDriver.
    Chromium,
    /// Firefox, driven through geckodriver.
    Firefox,
}

impl Kind {
    /// Returns the driver and what it says, before the port, once it listens.
    fn driver(self) -> (PathBuf, &'static str) {
        match self {
            Self::Chromium => ("chromedriver".into(), "started successfully on port "),
            Self::Firefox => (geckodriver().expect("geckodriver"), "Listening on 127.0.0.1:"),
        }
    }

    /// Returns the capabilities of a browser with this profile.
    pub(super) fn capabilities(self, profile: &Path) -> Capabilities {
        let capabilities = match self {
            Self::Chromium => chromium_capabilities(profile),
            Self::Firefox => firefox_capabilities(profile),
        };
        capabilities.as_object().expect("an object").clone()
    }
}

/// Starts the driver of a browser; returns it with its port.
pub(super) async fn start(kind: Kind, profile: &Path) -> (Child, String) {
    let (program, mark) = kind.driver();
    let mut driver = Command::new(&program)
        .arg("--port=0")
        // Firefox looks for other profiles there.
        .env("HOME", profile)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| {
            panic!("{}: {error}; infra/scripts/install-browser installs it", program.display())
        });
    let mut lines = BufReader::new(driver.stdout.take().expect("output of the driver")).lines();
    let started = async {
        let mut said = Vec::new();
        while let Some(line) = lines.next_line().await.expect("output of the driver") {
            if let Some((_, port)) = line.split_once(mark) {
                return port.trim_end_matches('.').to_owned();
            }
            said.push(line);
        }
        panic!("the driver exited before it was ready: {said:?}");
    };
    let port = timeout(TEST_TIMEOUT, started).await.expect("the driver starts in time");
    // The driver, and the browser, may have more to say: geckodriver ends when its output is not read.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (driver, port)
}

/// Returns what is missing to drive Firefox.
pub(super) fn missing_for_firefox() -> Option<&'static str> {
    if firefox().is_none() {
        return Some("Firefox is not installed");
    }
    geckodriver().is_none().then_some("geckodriver is not installed")
}

fn firefox() -> Option<PathBuf> {
    find("firefox-esr").or_else(|| find("firefox"))
}

/// The driver that `infra/scripts/install-browser` compiles, or else the one of the system.
fn geckodriver() -> Option<PathBuf> {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools-firefox/bin/geckodriver");
    if ours.is_file() { Some(ours) } else { find("geckodriver") }
}

/// Finds a program in `PATH`.
fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn chromium_capabilities(profile: &Path) -> Value {
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        &format!("--user-data-dir={}", profile.display()),
    ];
    json!({
        "goog:chromeOptions": { "args": arguments, "prefs": { "intl.accept_languages": "en-GB" } },
        "goog:loggingPrefs": { "browser": "ALL" },
    })
}

fn firefox_capabilities(profile: &Path) -> Value {
    json!({
        "moz:firefoxOptions": {
            "binary": firefox().expect("Firefox"),
            "args": ["-headless", "-profile", profile],
            "prefs": {
                "intl.accept_languages": "en-GB",
                // Scripts of the page may use the clipboard without asking.
                "dom.events.testing.asyncClipboard": true,
                // No requests of its own.
                "app.normandy.enabled": false,
                "network.captive-portal-service.enabled": false,
                "network.connectivity-service.enabled": false,
            },
        },
    })
}
