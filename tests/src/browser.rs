//! A real browser: headless Chromium, driven through ChromeDriver (W3C WebDriver) and, for what that does
//! not know, such as the colour scheme, Chrome's own protocol.
//!
//! `infra/scripts/install-browser` installs both.

use std::{path::PathBuf, process::Stdio, time::Duration};

use fantoccini::{
    Client, ClientBuilder, Locator,
    wd::{Capabilities, WebDriverCompatibleCommand},
};
use reqwest::{Method, Url};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::{Mutex, MutexGuard},
    time::timeout,
};

use crate::eventually;

/// When a driver that should start is taken to have failed.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// Browsers take what a machine has: there is one at a time.
static TURN: Mutex<()> = Mutex::const_new(());

/// A browser with one page, which ends when it goes out of scope.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    profile: TempDir,
    _driver: Child,
    _turn: MutexGuard<'static, ()>,
}

impl Browser {
    /// Starts a browser with a new profile.
    pub async fn start() -> Self {
        let turn = TURN.lock().await;
        let profile = TempDir::new().expect("a temporary folder");
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("ChromeDriver: infra/scripts/install-browser installs it");
        let mut lines = BufReader::new(driver.stdout.take().expect("its output")).lines();
        let started = async {
            while let Some(line) = lines.next_line().await.expect("its output") {
                if let Some((_, port)) = line.split_once("started successfully on port ") {
                    return port.trim_end_matches('.').to_owned();
                }
            }
            panic!("ChromeDriver ended before it had started");
        };
        let port = timeout(TEST_TIMEOUT, started).await.expect("a driver that starts");
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities(&profile))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("a browser");
        Self { client, profile, _driver: driver, _turn: turn }
    }

    /// Opens a page.
    pub async fn open(&self, url: &str) {
        self.client.goto(url).await.expect(url);
    }

    /// Evaluates the body of a function in the page.
    pub async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.expect(script)
    }

    /// The same for one that calls its last argument back with a result.
    pub async fn run_async(&self, script: &str) -> Value {
        self.client.execute_async(script, Vec::new()).await.expect(script)
    }

    /// The text of an element as a visitor sees it.
    pub async fn text(&self, css: &str) -> String {
        let element = self.client.find(Locator::Css(css)).await.expect(css);
        element.text().await.expect("its text")
    }

    /// Waits until a visitor sees `text` in an element.
    pub async fn sees(&self, css: &str, text: &str) {
        eventually(text, async || self.text(css).await.contains(text)).await;
    }

    /// Clicks on an element.
    pub async fn click(&self, css: &str) {
        self.client.find(Locator::Css(css)).await.expect(css).click().await.expect("a click");
    }

    /// Types into a field.
    pub async fn type_into(&self, css: &str, text: &str) {
        self.client.find(Locator::Css(css)).await.expect(css).send_keys(text).await.expect("keys");
    }

    /// Sets the size of the page in CSS pixels.
    pub async fn resize(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Sets what CSS asks for as media features.
    pub async fn prefer(&self, features: &[(&str, &str)]) {
        let features: Vec<_> =
            features.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Sends a command of the Chrome DevTools Protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.client.issue_cmd(Vendor { path: "goog/cdp/execute", body }).await.expect(command)
    }

    /// What the page has written to its console since this was last asked: errors of scripts, refusals by
    /// the Content-Security-Policy, files that are missing.
    pub async fn console(&self) -> Vec<String> {
        let log = Vendor { path: "se/log", body: json!({ "type": "browser" }) };
        let entries = self.client.issue_cmd(log).await.expect("the console");
        let entries = entries.as_array().expect("a list").iter();
        entries.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Keeps a picture of the whole page in `tests/screenshots`.
    pub async fn keep_screenshot(&self, name: &str) {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/screenshots"));
        std::fs::create_dir_all(&folder).expect("a folder for screenshots");
        let whole = self.devtools("Page.captureScreenshot", json!({ "captureBeyondViewport": true })).await;
        let picture = base64::Engine::decode(
            &base64::prelude::BASE64_STANDARD,
            whole["data"].as_str().expect("a picture"),
        );
        std::fs::write(folder.join(format!("{name}.png")), picture.expect("base64")).expect("a file");
    }
}

impl Drop for Browser {
    /// The driver would leave the browser running. Chromium notes its process id in its profile.
    fn drop(&mut self) {
        let lock = std::fs::read_link(self.profile.path().join("SingletonLock")).ok();
        let pid = lock.as_deref().and_then(|lock| lock.to_str()?.rsplit_once('-')?.1.parse().ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            // It fails if the browser has ended already.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

fn capabilities(profile: &TempDir) -> Capabilities {
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
        &format!("--user-data-dir={}", profile.path().display()),
    ];
    let wanted = json!({
        "goog:chromeOptions": { "args": arguments, "prefs": { "intl.accept_languages": "en-GB" } },
        "goog:loggingPrefs": { "browser": "ALL" },
    });
    wanted.as_object().expect("an object").clone()
}

/// A command that is ChromeDriver's own.
#[derive(Debug)]
struct Vendor {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Vendor {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
