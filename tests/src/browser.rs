//! A real browser without a window: Chromium, or Firefox, driven through WebDriver (W3C). Features that WebDriver lacks,
//! such as the color scheme, are those of the Chrome DevTools Protocol, so only Chromium has them.
//!
//! `infra/scripts/install-browser` installs both.

mod drivers;

use std::{num::NonZero, path::PathBuf, sync::LazyLock, thread::available_parallelism, time::Duration};

use fantoccini::{Client, ClientBuilder, Locator, wd::WebDriverCompatibleCommand};
use reqwest::{Method, Url};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    process::Child,
    sync::{Semaphore, SemaphorePermit},
};

use crate::{eventually, skipped};
use drivers::Kind;

/// Timeout of the start of a driver.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// Permits for browsers, which take a processor each: more of them at a time would only wait for each other.
static PERMITS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(available_parallelism().map_or(1, NonZero::get)));

/// Browser with one page, killed when dropped.
#[derive(Debug)]
pub struct Browser {
    kind: Kind,
    client: Client,
    profile: TempDir,
    _driver: Child,
    _permit: SemaphorePermit<'static>,
}

impl Browser {
    /// Starts Chromium with a new profile.
    pub async fn start() -> Self {
        Self::start_kind(Kind::Chromium).await
    }

    /// Starts Firefox with a new profile. Says "skipped" and returns `None` where it is not installed, unless that is in
    /// CI.
    pub async fn start_firefox() -> Option<Self> {
        if let Some(missing) = drivers::missing_for_firefox() {
            assert!(std::env::var_os("CI").is_none(), "{missing}: infra/scripts/install-browser installs it");
            skipped(missing);
            return None;
        }
        Some(Self::start_kind(Kind::Firefox).await)
    }

    async fn start_kind(kind: Kind) -> Self {
        let permit = PERMITS.acquire().await.expect("permits that are never closed");
        let profile = TempDir::new().expect("a temporary folder");
        let (driver, port) = drivers::start(kind, profile.path()).await;
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(kind.capabilities(profile.path()))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("a browser");
        Self { kind, client, profile, _driver: driver, _permit: permit }
    }

    /// Opens a page.
    pub async fn open(&self, url: &str) {
        self.client.goto(url).await.expect(url);
    }

    /// Goes back to the page before.
    pub async fn back(&self) {
        self.client.back().await.expect("the page before");
    }

    /// Reloads the page.
    pub async fn reload(&self) {
        self.client.refresh().await.expect("the same page");
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

    /// Waits until the rendered text of an element contains `text`, on the next page if the browser is on its way there.
    pub async fn wait_for_text(&self, css: &str, text: &str) {
        let rendered = async || self.client.find(Locator::Css(css)).await.ok()?.text().await.ok();
        eventually(text, async || rendered().await.is_some_and(|it| it.contains(text))).await;
    }

    /// Clicks on an element.
    pub async fn click(&self, css: &str) {
        self.client.find(Locator::Css(css)).await.expect(css).click().await.expect("a click");
    }

    /// Types into a field.
    pub async fn type_into(&self, css: &str, text: &str) {
        self.client.find(Locator::Css(css)).await.expect(css).send_keys(text).await.expect("keys");
    }

    /// Sets the size of the viewport in CSS pixels, in Firefox that of the window.
    pub async fn resize(&self, width: u32, height: u32) {
        if self.kind == Kind::Firefox {
            return self.client.set_window_size(width, height).await.expect("a size");
        }
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Emulates CSS media features, such as `prefers-color-scheme`.
    pub async fn emulate_media(&self, features: &[(&str, &str)]) {
        let features: Vec<_> =
            features.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Allows scripts to read and write the clipboard.
    pub async fn allow_clipboard(&self) {
        // Firefox has been told when it started.
        if self.kind == Kind::Chromium {
            let permissions = json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
            self.devtools("Browser.grantPermissions", permissions).await;
        }
    }

    /// Sends a command of the Chrome DevTools Protocol, which only Chromium has.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.client.issue_cmd(Vendor { path: "goog/cdp/execute", body }).await.expect(command)
    }

    /// Console messages of the page since the last call: script errors, violations of the
    /// Content-Security-Policy, missing files. Of Firefox there are none, as its driver passes none on.
    pub async fn console(&self) -> Vec<String> {
        if self.kind == Kind::Firefox {
            return Vec::new();
        }
        let log = Vendor { path: "se/log", body: json!({ "type": "browser" }) };
        let entries = self.client.issue_cmd(log).await.expect("the console");
        let entries = entries.as_array().expect("a list").iter();
        entries.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Saves a screenshot of the whole page in `tests/screenshots`, unless that is in CI, where nobody looks at them: those of
    /// large screens take longer than the test.
    pub async fn save_screenshot(&self, name: &str) {
        if std::env::var_os("CI").is_some() {
            return;
        }
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/screenshots"));
        std::fs::create_dir_all(&folder).expect("a folder for screenshots");
        std::fs::write(folder.join(format!("{name}.png")), self.screenshot().await).expect("a file");
    }

    /// Picture of the whole page, in Firefox of the viewport, as PNG.
    pub async fn screenshot(&self) -> Vec<u8> {
        if self.kind == Kind::Firefox {
            return self.client.screenshot().await.expect("an image");
        }
        let whole = self.devtools("Page.captureScreenshot", json!({ "captureBeyondViewport": true })).await;
        let image = whole["data"].as_str().expect("an image");
        base64::Engine::decode(&base64::prelude::BASE64_STANDARD, image).expect("base64")
    }

    /// Process id of the browser, which outlives its driver.
    fn pid(&self) -> Option<Pid> {
        let pid = match self.kind {
            Kind::Chromium => {
                let lock = std::fs::read_link(self.profile.path().join("SingletonLock")).ok()?;
                lock.to_str()?.rsplit_once('-')?.1.parse().ok()?
            }
            Kind::Firefox => self.client.capabilities()?.get("moz:processID")?.as_i64()?.try_into().ok()?,
        };
        Pid::from_raw(pid)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            // Fails if the browser has exited already.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
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
