//! `/` and `/stats`, updated live by the stream.

use std::time::{Duration, Instant};

use heartbeat_tests::{Browser, Database, ServerBuilder, eventually};
use serde_json::json;

use crate::{at_fixed_port, server, url};

/// Maximum latency of a beat, from the device to the page.
const LATENCY_MAX: Duration = Duration::from_millis(1500);

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
    browser.wait_for_text(".empty", "No device is registered").await;
    let laptop = server.device("Laptop").await;
    browser.wait_for_text(".devices", "Laptop").await;
    browser.wait_for_text(".devices .seen", "never").await;
    assert!(!browser.text(".empty").await.contains("No device is registered"));
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
async fn a_suspended_page_catches_up_when_it_is_visible_again() {
    let database = Database::create().await;
    let server = server(&database).await;
    let laptop = server.device("Laptop").await;
    laptop.beat().await;
    let browser = Browser::start().await;
    // A socket that dies while the page is suspended: still open, but without messages.
    let mock = "window.WebSocket = class extends WebSocket {
        constructor(url) { super(url); window.latest = this; }
        set onmessage(take) { super.onmessage = (event) => { if (window.dead !== this) take(event); }; }
    };";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": mock })).await;
    browser.open(&url(&server, "/")).await;
    browser.wait_for_text("[data-number=total_beats]", "1").await;
    browser.run("window.dead = window.latest; window.diedAt = Date.now()").await;
    for _ in 0..3 {
        laptop.beat().await;
    }
    let suspended = "return Date.now() - window.diedAt > 2200";
    eventually("a long suspension", async || browser.run(suspended).await == true).await;
    assert_eq!(browser.text("[data-number=total_beats]").await, "1");
    browser.run("document.dispatchEvent(new Event('visibilitychange'))").await;
    let visible = Instant::now();
    browser.wait_for_text("[data-number=total_beats]", "4").await;
    assert!(visible.elapsed() < LATENCY_MAX, "{:?}", visible.elapsed());
}

/// Adds seconds to all clocks of the page, as if so much time had passed.
const PASSING_TIME: &str = "window.later = 0; for (const clock of [Date, performance]) {
    const real = clock.now.bind(clock); clock.now = () => real() + window.later * 1000; }";

#[tokio::test]
async fn a_stream_without_frames_times_out_and_is_reconnected() {
    let database = Database::create().await;
    let server = server(&database).await;
    server.device("Laptop").await.beat().await;
    let browser = Browser::start().await;
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": PASSING_TIME })).await;
    browser.open(&url(&server, "/")).await;
    // The socket stays open, but no more frames arrive: none is due for half a minute.
    browser.wait_for_text(".age", "3 sec").await;
    server.signal(rustix::process::Signal::STOP);
    browser.run("window.later = 20").await;
    eventually("a later age", async || {
        let age = browser.text(".age").await;
        age.split(' ').next().and_then(|age| age.parse::<u32>().ok()) >= Some(23)
    })
    .await;
    assert_eq!(browser.text(".notice").await, "");
    browser.run("window.later = 41").await;
    browser.wait_for_text(".notice", "Not connected since ").await;
    server.signal(rustix::process::Signal::CONT);
    eventually("a page that is up to date again", async || browser.text(".notice").await.is_empty()).await;
    browser.wait_for_text(".age", "sec").await;
}

#[tokio::test]
async fn a_server_that_sends_a_frame_each_second_is_missed_after_some_of_them() {
    let database = Database::create().await;
    let server = server(&database).await;
    server.device("Laptop").await.beat().await;
    let browser = Browser::start().await;
    // As a server of an earlier version, or AWS Lambda.
    let earlier = "window.frames_ = 0; window.WebSocket = class extends WebSocket {
        constructor(url) { super(String(url).replace('?frames=changes', '')); }
        set onmessage(take) { super.onmessage = (event) => { window.frames_ += 1; take(event); }; }
    };";
    let source = [PASSING_TIME, earlier].concat();
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source })).await;
    browser.open(&url(&server, "/")).await;
    eventually("three frames", async || browser.run("return window.frames_ >= 3").await == true).await;
    server.signal(rustix::process::Signal::STOP);
    browser.run("window.later = 10").await;
    browser.wait_for_text(".notice", "Not connected since ").await;
    server.signal(rustix::process::Signal::CONT);
    eventually("a page that is up to date again", async || browser.text(".notice").await.is_empty()).await;
}

/// Counts the frames that the page gets, and notes the URLs that it connects to.
const COUNTING: &str = "window.frames_ = 0; window.urls = []; window.WebSocket = class extends WebSocket {
    constructor(url) { super(url); window.urls.push(String(url)); }
    set onmessage(take) { super.onmessage = (event) => { window.frames_ += 1; take(event); }; }
};";

#[tokio::test]
async fn the_page_asks_for_changes_alone_and_ticks_by_itself() {
    for (own, query) in [("", "?frames=changes"), ("?tenant=ada%20l", "?tenant=ada%20l&frames=changes")] {
        let database = Database::create().await;
        let (builder, port) = ServerBuilder::on(&database).fixed_port();
        let stream = format!("ws://127.0.0.1:{port}/api/stats/ws");
        let server = builder.environment("HEARTBEAT_WS_URL", &format!("{stream}{own}")).start().await;
        let laptop = server.device("Laptop").await;
        let browser = Browser::start().await;
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": COUNTING })).await;
        browser.open(&url(&server, "/")).await;
        eventually("a frame", async || browser.run("return window.frames_").await == 1).await;
        laptop.beat().await;
        browser.wait_for_text(".age", "1 sec").await;
        browser.wait_for_text(".age", "4 sec").await;
        // The beat, and the visit that may have been counted just after the first frame.
        let frames = browser.run("return window.frames_").await.as_i64();
        assert!(frames <= Some(3), "{frames:?}");
        assert_eq!(browser.run("return window.urls").await, json!([stream + query]));
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_or_set_shows_no_wrong_age() {
    let database = Database::create().await;
    let server = server(&database).await;
    server.device("Laptop").await;
    database
        .execute("UPDATE heartbeat.devices SET num_beats = 1, last_beat = now() - interval '150 s'")
        .await;
    eventually("the changed row", async || server.stranger().stats().await["total_beats"] == 1).await;
    let browser = Browser::start().await;
    let wrong =
        "window.wrong = 300000; const real = Date.now; Date.now = () => real() + window.wrong * 1000;";
    let watch = "window.ages = new Set(); setInterval(() => window.ages.add(document.querySelector('.age')?.innerText.replace(/\\s+/g, ' ')), 5);";
    let source = [COUNTING, wrong, watch].concat();
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source })).await;
    browser.open(&url(&server, "/")).await;
    browser.wait_for_text(".age", "2 min").await;
    // Set back, it is right at once; set ahead, as soon as there is a frame.
    for (wrong, connections) in [(0, 2), (7_200, 3)] {
        browser.run(&format!("window.wrong = {wrong}")).await;
        eventually("another connection", async || {
            browser.run("return window.urls.length").await == connections
        })
        .await;
        browser.wait_for_text(".age", "2 min").await;
        if wrong == 0 {
            let ages =
                browser.run("return [...window.ages].filter((age) => age && !/^[23] min/.test(age))").await;
            assert_eq!(ages, json!([]));
        }
    }
    assert_eq!(browser.text(".notice").await, "");
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

#[tokio::test]
async fn an_error_message_of_api_gateway_is_no_frame_and_the_stream_times_out() {
    let database = Database::create().await;
    let server = server(&database).await;
    server.device("Laptop").await.beat().await;
    let browser = Browser::start().await;
    let failing = "window.WebSocket = class extends WebSocket {
        set onmessage(take) { super.onmessage = () => take({ data: '{\"message\": \"Internal server error\"}' }); }
    };";
    let script = json!({ "source": failing });
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", script).await;
    browser.open(&url(&server, "/")).await;
    browser.wait_for_text(".notice", "Not connected since ").await;
    assert_eq!(browser.console().await, Vec::<String>::new());
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
