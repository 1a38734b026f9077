//! `/` and `/stats`, updated live by the stream.

use std::time::{Duration, Instant};

use heartbeat_tests::{Browser, Database, eventually};
use serde_json::json;

use crate::{at_fixed_port, server, url};

/// Maximum latency of a beat, from the device to the page.
pub(super) const LATENCY_MAX: Duration = Duration::from_millis(1500);

in_both_browsers!(
    a_beat_shows_at_once_and_its_age_counts_up,
    an_empty_page_fills_by_itself,
    a_restart_of_the_server_is_shown_and_survived_without_a_reload,
    stats_change_while_the_page_is_open,
);

const LAST_BEAT_AN_HOUR_AGO: &str =
    "UPDATE heartbeat.devices SET last_beat = now() - interval '1 hour', num_beats = 41";

async fn a_beat_shows_at_once_and_its_age_counts_up(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database).await;
    let laptop = server.device("Laptop").await;
    database.execute(LAST_BEAT_AN_HOUR_AGO).await;
    browser.open(&url(&server, "/")).await;
    browser.wait_for_text(".age", "1 hr").await;
    for beats in 42..45 {
        let before = Instant::now();
        laptop.beat().await;
        browser.wait_for_text("[data-number=total_beats]", &beats.to_string()).await;
        assert!(before.elapsed() < LATENCY_MAX, "{:?}", before.elapsed());
        let age = browser.text(".age").await;
        assert!(age == "just now" || age.ends_with("sec ago"), "{age}");
    }
    // No more beats arrive, and the age still counts up.
    browser.wait_for_text(".age", "2 sec").await;
    browser.wait_for_text(".age", "3 sec").await;
    assert_eq!(browser.console().await, Vec::<String>::new());
}

async fn an_empty_page_fills_by_itself(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database).await;
    browser.open(&url(&server, "/")).await;
    browser.wait_for_text(".empty", "Add a device").await;
    let laptop = server.device("Laptop").await;
    browser.wait_for_text(".devices", "Laptop").await;
    browser.wait_for_text(".devices .seen", "never").await;
    assert!(!browser.text(".empty").await.contains("Add a device"));
    laptop.beat().await;
    browser.wait_for_text(".hero", "ago").await;
    browser.wait_for_text(".devices .count", "1 beat · 100.0%").await;
    assert_eq!(browser.run("return document.querySelector('.empty').hidden").await, true);
}

async fn a_restart_of_the_server_is_shown_and_survived_without_a_reload(browser: Browser) {
    let database = Database::create().await;
    let builder = at_fixed_port(&database);
    let mut first = builder.start().await;
    let laptop = first.device("Laptop").await;
    laptop.beat().await;
    browser.open(&url(&first, "/")).await;
    browser.run("window.sameAsBefore = true").await;
    first.stop().await;
    browser.wait_for_text(".notice", "Not connected since ").await;
    let _second = builder.start().await;
    laptop.beat().await;
    browser.wait_for_text("[data-number=total_beats]", "2").await;
    assert_eq!(browser.text(".notice").await, "");
    assert_eq!(browser.run("return window.sameAsBefore").await, true);
}

#[tokio::test]
async fn an_arriving_beat_pulses_unless_the_visitor_wants_no_motion() {
    let database = Database::create().await;
    let server = server(&database).await;
    let laptop = server.device("Laptop").await;
    laptop.beat().await;
    let browser = Browser::start().await;
    // Counts animations, as they are too short to be observed.
    let count = "window.animations = 0; const animate = Element.prototype.animate;
                 Element.prototype.animate = function (...options) { window.animations += 1; return animate.apply(this, options); }";
    for (preference, animates) in [("reduce", false), ("no-preference", true)] {
        browser.emulate_media(&[("prefers-reduced-motion", preference)]).await;
        browser.open(&url(&server, "/")).await;
        browser.run(count).await;
        let beats = server.stranger().stats().await["total_beats"].as_i64().expect("a number");
        browser.wait_for_text("[data-number=total_beats]", &beats.to_string()).await;
        // The first frame is the current state, and no new beat.
        laptop.beat().await;
        browser.wait_for_text("[data-number=total_beats]", &(beats + 1).to_string()).await;
        laptop.beat().await;
        browser.wait_for_text("[data-number=total_beats]", &(beats + 2).to_string()).await;
        assert_eq!(browser.run("return window.animations > 0").await, animates, "{preference}");
    }
}

#[tokio::test]
async fn the_script_renders_the_same_text_as_the_server() {
    let database = Database::create().await;
    // Started before the ages are set, as it may have to wait for another browser.
    let browser = Browser::start().await;
    let server = server(&database).await;
    // Ages in the middle of their units, so that a second more or less changes nothing.
    let ages = [150, 3_030, 5_430, 90_030, 200_000, 6_000_000, 40_000_000, 90_000_000];
    for (id, age) in ages.iter().enumerate() {
        server.device(&format!("Device {id}")).await;
        database
            .execute(&format!(
                "UPDATE heartbeat.devices SET last_beat = now() - interval '{age} s', num_beats = {age} WHERE id = {id}"
            ))
            .await;
    }
    database.execute("UPDATE heartbeat.stats SET longest_absence = interval '84898 s'").await;
    server.device("New").await;
    eventually("stats of the changed rows", async || {
        server.stranger().stats().await["total_beats"] == ages.iter().sum::<i64>()
    })
    .await;
    let shown = "return [...document.querySelectorAll('.devices li, .figures dd, .moment')]
        .map((it) => it.textContent.replace(/\\s+/g, ' ').trim())
        .concat([...document.querySelectorAll('.dots a')].map((it) => it.getAttribute('aria-label') + it.className.baseVal),
            [...document.querySelectorAll('.dots text')].map((it) => it.textContent + it.className.baseVal),
            [...document.querySelectorAll('.dots svg, .blip')].map((it) => parseFloat(it.getAttribute('x'))),
            [...document.querySelectorAll('[data-recency]')].map((it) => it.dataset.recency),
            document.querySelector('.hero').innerText.split('\\n').slice(0, 2))";
    browser.devtools("Emulation.setTimezoneOverride", json!({ "timezoneId": "UTC" })).await;
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    browser.open(&url(&server, "/")).await;
    let by_server = browser.run(shown).await;
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": false })).await;
    browser.open(&url(&server, "/")).await;
    eventually("a frame", async || {
        browser.run("return document.querySelector('.seen time').title !== ''").await == true
    })
    .await;
    let by_script = browser.run(shown).await;
    let (by_server, by_script) = (by_server.as_array().expect("texts"), by_script.as_array().expect("texts"));
    assert_eq!(by_server.len(), by_script.len());
    for (server, script) in by_server.iter().zip(by_script) {
        match (server.as_f64(), script.as_f64()) {
            (Some(server), Some(script)) => assert!((server - script).abs() < 1.0, "{server} and {script}"),
            // A browser formats points in time by its own locale.
            _ if server.as_str().is_some_and(|text| text.ends_with("UTC")) => {}
            _ => assert_eq!(server, script),
        }
    }
}

async fn stats_change_while_the_page_is_open(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database).await;
    browser.open(&url(&server, "/stats")).await;
    browser.wait_for_text("[data-number=num_devices]", "0").await;
    server.device("Laptop").await.beat().await;
    browser.wait_for_text("[data-number=num_devices]", "1").await;
    browser.wait_for_text("[data-number=total_beats]", "1").await;
    browser.wait_for_text("[data-number=num_visits]", "1").await;
    server.stranger().get("/").await;
    browser.wait_for_text("[data-number=num_visits]", "2").await;
    browser.wait_for_text("[data-duration=uptime]", "sec").await;
}

#[tokio::test]
async fn times_are_in_the_time_zone_of_the_visitor() {
    let database = Database::create().await;
    let server = server(&database).await;
    server.device("Laptop").await;
    database.execute("UPDATE heartbeat.devices SET num_beats = 1, last_beat = '2023-11-02 09:48:40Z'").await;
    let browser = Browser::start().await;
    for (zone, time) in [("Asia/Tokyo", "18:48:40"), ("America/New_York", "05:48:40")] {
        browser.devtools("Emulation.setTimezoneOverride", json!({ "timezoneId": zone })).await;
        browser.open(&url(&server, "/")).await;
        browser.wait_for_text(".moment", time).await;
        let datetime = browser.run("return document.querySelector('.moment time').dateTime").await;
        assert!(datetime.as_str().is_some_and(|text| text.starts_with("2023-11-02T09:48:40")), "{datetime}");
    }
}
