//! Quality of every page: layout, accessibility, valid HTML, size.

use std::{path::Path, process::Stdio};

use heartbeat_tests::{Browser, Client, Database, Server, client::http, server::SECRET_KEY};
use reqwest::header::{COOKIE, HeaderMap};
use tokio::process::Command;

use crate::{history, server, url};

const NAME: &str = "<img src=x onerror=alert(1)>\"'&";

/// Paths of pages, with the names of their screenshots.
const PAGES: [(&str, &str); 6] = [
    ("/", "home"),
    ("/stats", "stats"),
    ("/badges", "badges"),
    ("/privacy", "privacy"),
    ("/pair#BCDF-GHJK", "pair"),
    ("/nothing", "error"),
];

/// Viewports, from a small phone to a 4K screen.
const VIEWPORTS: [(u32, u32); 4] = [(320, 568), (360, 640), (1440, 900), (3840, 2160)];

/// Starts a server with devices of various ages.
async fn with_devices(database: &Database) -> Server {
    let server = server(database).await;
    for name in ["Laptop", "Pixel 9", "Workstation at the office", NAME, &"W".repeat(100)] {
        server.device(name).await;
    }
    database
        .execute(
            "UPDATE heartbeat.devices SET num_beats = 36308, last_beat = now() - interval '192 s' WHERE id = 0;
             UPDATE heartbeat.devices SET num_beats = 81234, last_beat = now() - interval '5 h' WHERE id = 1;
             UPDATE heartbeat.devices SET num_beats = 2811, last_beat = now() - interval '30 h' WHERE id = 2;
             UPDATE heartbeat.devices SET num_beats = 7, last_beat = now() - interval '9 d' WHERE id = 3;
             UPDATE heartbeat.stats SET longest_absence = interval '84898 s', total_visits = 1628",
        )
        .await;
    heartbeat_tests::eventually("stats of the changed rows", async || {
        server.stranger().stats().await["total_beats"] == 120_360
    })
    .await;
    server
}

#[tokio::test]
async fn every_page_fits_every_viewport_and_is_accessible() {
    let database = Database::create().await;
    let server = with_devices(&database).await;
    let axe = std::fs::read_to_string(tool("node_modules/axe-core/axe.min.js")).expect("axe");
    let browser = Browser::start().await;
    for scheme in ["light", "dark"] {
        browser
            .emulate_media(&[("prefers-color-scheme", scheme), ("prefers-reduced-motion", "reduce")])
            .await;
        for (path, name) in PAGES {
            browser.open(&url(&server, path)).await;
            for (width, height) in VIEWPORTS {
                browser.resize(width, height).await;
                let overflow = browser
                    .run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
                    .await;
                assert_eq!(overflow, 0, "{path} is wider than {width}");
                browser.save_screenshot(&format!("{name}-{scheme}-{width}x{height}")).await;
                assert_eq!(violations(&browser, &axe).await, Vec::<String>::new(), "{path} at {width}");
            }
            // The page that does not exist is logged as 404.
            let console = browser.console().await;
            let unexpected: Vec<_> = console.iter().filter(|line| !line.contains("/nothing ")).collect();
            assert_eq!(unexpected, Vec::<&String>::new(), "{path}");
            assert_eq!(console.len(), usize::from(path == "/nothing"), "{console:?}");
        }
    }
}

/// Takes the screenshot in the README: copy it to `docs/images/page.png` when the page looks different.
#[tokio::test]
async fn the_screenshot_of_the_readme_shows_typical_stats() {
    let database = Database::create().await;
    let server = server(&database).await;
    for name in ["Laptop", "Phone", "Workstation"] {
        server.device(name).await;
    }
    database
        .execute(
            "UPDATE heartbeat.devices SET num_beats = 36308, last_beat = now() - interval '41 s' WHERE id = 0;
             UPDATE heartbeat.devices SET num_beats = 81234, last_beat = now() - interval '5 h' WHERE id = 1;
             UPDATE heartbeat.devices SET num_beats = 2811, last_beat = now() - interval '30 h' WHERE id = 2;
             UPDATE heartbeat.stats SET longest_absence = interval '84898 s'",
        )
        .await;
    let browser = Browser::start().await;
    browser.resize(1000, 700).await;
    heartbeat_tests::eventually("a page with these stats", async || {
        browser.open(&url(&server, "/")).await;
        browser.run("return document.body.innerText.includes('120,353')").await == true
    })
    .await;
    browser.save_screenshot("readme").await;
    assert_eq!(browser.run("return document.querySelectorAll('h1').length").await, 1);
}

#[tokio::test]
async fn the_empty_page_is_accessible_too() {
    let database = Database::create().await;
    let server = server(&database).await;
    let axe = std::fs::read_to_string(tool("node_modules/axe-core/axe.min.js")).expect("axe");
    let browser = Browser::start().await;
    browser.open(&url(&server, "/")).await;
    for (width, height) in VIEWPORTS {
        browser.resize(width, height).await;
        browser.save_screenshot(&format!("empty-light-{width}x{height}")).await;
        assert_eq!(violations(&browser, &axe).await, Vec::<String>::new(), "at {width}");
    }
}

/// Accessibility violations that axe finds in the page.
pub(crate) async fn violations(browser: &Browser, axe: &str) -> Vec<String> {
    if browser.run("return window.axe === undefined").await == true {
        browser.run(axe).await;
    }
    let found = browser
        .run_async(
            "const done = arguments[arguments.length - 1];
             axe.run().then(({ violations }) => done(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`)), (error) => done([String(error)]))",
        )
        .await;
    let found = found.as_array().expect("a list").iter();
    found.map(|it| it.as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn the_pages_can_be_printed() {
    let database = Database::create().await;
    let server = with_devices(&database).await;
    let browser = Browser::start().await;
    let media = serde_json::json!({ "media": "print", "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
    browser.devtools("Emulation.setEmulatedMedia", media).await;
    browser.resize(794, 1123).await;
    browser.open(&url(&server, "/")).await;
    browser.save_screenshot("home-print").await;
    let background = browser.run("return getComputedStyle(document.documentElement).backgroundColor").await;
    assert_eq!(background, "rgb(255, 255, 255)");
    assert_eq!(browser.run("return document.querySelector('nav').offsetHeight").await, 0);
}

#[tokio::test]
async fn the_page_and_all_it_loads_are_under_thirty_kilobytes() {
    let database = Database::create().await;
    let server = with_devices(&database).await;
    let browser = Browser::start().await;
    browser.open(&url(&server, "/")).await;
    let sizes = browser
        .run(
            "return [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
                .map(({ name, transferSize }) => [new URL(name).pathname, transferSize])",
        )
        .await;
    let sizes = sizes.as_array().expect("a list");
    let total: u64 = sizes.iter().map(|it| it[1].as_u64().expect("a size")).sum();
    assert!(sizes.len() >= 3 && total > 2_000 && total < 30_000, "{total}: {sizes:?}");
    for size in sizes {
        assert!(size[1].as_u64().expect("a size") > 0, "{size} was not measured");
    }
}

/// The pages for the owner, with their names.
async fn owners_pages(server: &Server) -> [(&'static str, String); 3] {
    let paired = server.owner().post("/manage/devices/0", "do=pair").await;
    let cookie = paired.header("set-cookie").split(';').next().unwrap_or_default();
    let headers = HeaderMap::from_iter([(COOKIE, cookie.parse().expect("a header"))]);
    let with_code = Client::with(&server.url(), http().default_headers(headers));
    let owner = with_code.authorized(SECRET_KEY);
    [
        ("sign-in", server.stranger().get("/manage").await.body),
        ("overview", owner.get("/manage").await.body),
        ("connect", owner.get("/manage/devices/0").await.body),
    ]
}

#[tokio::test]
async fn the_html_is_valid() {
    let database = Database::create().await;
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let empty = server(&database).await;
    let page = empty.stranger().get("/").await.body;
    std::fs::write(folder.path().join("empty.html"), page).expect("a page");
    drop(empty);
    let server = with_devices(&database).await;
    for (path, name) in PAGES {
        let page = server.stranger().get(path).await.body;
        std::fs::write(folder.path().join(format!("{name}.html")), page).expect("a page");
    }
    let other_database = Database::create().await;
    let years = history::with_history(&other_database, 730, 3).await;
    for (path, name) in [("/", "home-of-years"), ("/stats", "stats-of-years")] {
        let page = years.stranger().get(path).await.body;
        std::fs::write(folder.path().join(format!("{name}.html")), page).expect("a page");
    }
    for (name, page) in owners_pages(&server).await {
        std::fs::write(folder.path().join(format!("{name}.html")), page).expect("a page");
    }
    // Whitespace and equivalent spellings do not matter.
    let rules = r#"{ "root": true, "extends": ["html-validate:standard", "html-validate:a11y"],
        "rules": { "void-style": "off", "long-title": "off", "no-inline-style": "error" } }"#;
    std::fs::write(folder.path().join(".htmlvalidate.json"), rules).expect("rules");
    let output = Command::new(tool("bin/node"))
        .arg(tool("node_modules/html-validate/bin/html-validate.mjs"))
        .args(["--formatter", "text", "*.html"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .await
        .expect("html-validate");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}{}", String::from_utf8_lossy(&output.stderr));
}

/// Path of a file that `infra/scripts/install-browser` installs.
pub(crate) fn tool(path: &str) -> std::path::PathBuf {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools-web").join(path);
    assert!(file.exists(), "{path} is missing: infra/scripts/install-browser installs it");
    file
}
