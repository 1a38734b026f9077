//! A real browser: headless Chromium, driven through ChromeDriver (W3C WebDriver) and, for features that
//! WebDriver lacks, such as the color scheme, through the Chrome DevTools Protocol.
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

/// Timeout of the start of ChromeDriver.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// Lock that one browser holds at a time, since a browser takes all of a machine.
static BROWSER_LOCK: Mutex<()> = Mutex::const_new(());

/// Browser with one page, killed when dropped.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    profile: TempDir,
    _driver: Child,
    _lock: MutexGuard<'static, ()>,
}

impl Browser {
    /// Starts a browser with a new profile.
    pub async fn start() -> Self {
        let lock = BROWSER_LOCK.lock().await;
        let profile = TempDir::new().expect("a temporary folder");
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("ChromeDriver: infra/scripts/install-browser installs it");
        let mut lines = BufReader::new(driver.stdout.take().expect("output of ChromeDriver")).lines();
        let started = async {
            while let Some(line) = lines.next_line().await.expect("output of ChromeDriver") {
                if let Some((_, port)) = line.split_once("started successfully on port ") {
                    return port.trim_end_matches('.').to_owned();
                }
            }
            panic!("ChromeDriver exited before it was ready");
        };
        let port = timeout(TEST_TIMEOUT, started).await.expect("ChromeDriver starts in time");
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities(&profile))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("a browser");
        Self { client, profile, _driver: driver, _lock: lock }
    }

    /// Opens a page.
    pub async fn open(&self, url: &str) {
        self.client.goto(url).await.expect(url);
    }

    /// Runs the body of a JavaScript function in the page; returns its result.
    pub async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.expect(script)
    }

    /// Runs an asynchronous script, which passes its result to its last argument, a callback.
    pub async fn run_async(&self, script: &str) -> Value {
        self.client.execute_async(script, Vec::new()).await.expect(script)
    }

    /// Rendered text of an element.
    pub async fn text(&self, css: &str) -> String {
        let element = self.client.find(Locator::Css(css)).await.expect(css);
        element.text().await.expect("its text")
    }

    /// Waits until the rendered text of an element contains `text`.
    pub async fn wait_for_text(&self, css: &str, text: &str) {
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

    /// Sets the size of the viewport in CSS pixels.
    pub async fn resize(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Emulates CSS media features, such as `prefers-color-scheme`.
    pub async fn emulate_media(&self, features: &[(&str, &str)]) {
        let features: Vec<_> =
            features.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Sends a command of the Chrome DevTools Protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.client.issue_cmd(Vendor { path: "goog/cdp/execute", body }).await.expect(command)
    }

    /// Console messages of the page since the last call: script errors, violations of the
    /// Content-Security-Policy, missing files.
    pub async fn console(&self) -> Vec<String> {
        let log = Vendor { path: "se/log", body: json!({ "type": "browser" }) };
        let entries = self.client.issue_cmd(log).await.expect("the console");
        let entries = entries.as_array().expect("a list").iter();
        entries.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Saves a screenshot of the whole page in `tests/screenshots`.
    pub async fn save_screenshot(&self, name: &str) {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/screenshots"));
        std::fs::create_dir_all(&folder).expect("a folder for screenshots");
        let whole = self.devtools("Page.captureScreenshot", json!({ "captureBeyondViewport": true })).await;
        let image = base64::Engine::decode(
            &base64::prelude::BASE64_STANDARD,
            whole["data"].as_str().expect("an image"),
        );
        std::fs::write(folder.join(format!("{name}.png")), image.expect("base64")).expect("a file");
    }
}

impl Drop for Browser {
    /// Kills Chromium, which outlives its driver and writes its process id in its profile.
    fn drop(&mut self) {
        let lock = std::fs::read_link(self.profile.path().join("SingletonLock")).ok();
        let pid = lock.as_deref().and_then(|lock| lock.to_str()?.rsplit_once('-')?.1.parse().ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            // Fails if the browser has exited already.
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
    let capabilities = json!({
        "goog:chromeOptions": { "args": arguments, "prefs": { "intl.accept_languages": "en-GB" } },
        "goog:loggingPrefs": { "browser": "ALL" },
    });
    capabilities.as_object().expect("an object").clone()
}

/// Vendor command of ChromeDriver.
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
