//! The script's end of the stream: what it asks for, how it counts on between frames, and how it notices that none arrive.

use std::time::Instant;

use heartbeat_tests::{Browser, Database, ServerBuilder, eventually};
use serde_json::json;

use crate::{home::LATENCY_MAX, server, url};

/// Adds seconds to all clocks of the page, as if so much time had passed.
pub(super) const PASSING_TIME: &str = "window.later = 0; for (const clock of [Date, performance]) {
    const real = clock.now.bind(clock); clock.now = () => real() + window.later * 1000; }";

/// Waits until the page shows an age of at least so many seconds.
async fn wait_for_seconds(browser: &Browser, seconds: u32) {
    eventually("a later age", async || {
        let age = browser.text(".age").await;
        age.split(' ').next().and_then(|age| age.parse::<u32>().ok()) >= Some(seconds)
    })
    .await;
}

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
    wait_for_seconds(&browser, 23).await;
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
    // As a server of an earlier version.
    let earlier = "window.frames_ = 0; window.WebSocket = class extends WebSocket {
        constructor(url) { super(String(url).replace('?frames=changes', '')); }
        set onmessage(take) { super.onmessage = (event) => { window.frames_ += 1; take(event); }; }
    };";
    let source = [PASSING_TIME, earlier].concat();
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source })).await;
    browser.open(&url(&server, "/")).await;
    eventually("some frames", async || browser.run("return window.frames_ >= 6").await == true).await;
    server.signal(rustix::process::Signal::STOP);
    browser.run("window.later = 10").await;
    browser.wait_for_text(".notice", "Not connected since ").await;
    server.signal(rustix::process::Signal::CONT);
    eventually("a page that is up to date again", async || browser.text(".notice").await.is_empty()).await;
}

/// Counts the frames that the page gets, and notes the URLs that it connects to.
pub(super) const COUNTING: &str =
    "window.frames_ = 0; window.urls = []; window.WebSocket = class extends WebSocket {
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
async fn on_aws_lambda_the_page_asks_for_changes_in_a_hello_and_a_frame_that_comes_again_does_not_mislead_it()
{
    let database = Database::create().await;
    let server = server(&database).await;
    server.device("Laptop").await.beat().await;
    let browser = Browser::start().await;
    // The answer to the hello, then the first frame of two pushers.
    let lambda = "window.sent = []; window.urls = []; window.WebSocket = class extends WebSocket {
        constructor(url) { super(url); window.urls.push(String(url)); }
        send(message) { window.sent.push(message); super.send(message); }
        set onmessage(take) { super.onmessage = (event) => { for (let copy = 0; copy < 3; copy += 1) take(event); }; }
    };";
    let source = [PASSING_TIME, lambda].concat();
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source })).await;
    browser.open(&url(&server, "/")).await;
    browser.wait_for_text(".age", "3 sec").await;
    assert_eq!(browser.run("return window.sent").await, json!([r#"{"action":"hello","frames":"changes"}"#]));
    // Longer than a page waits that expects a frame each second.
    browser.run("window.later = 20").await;
    wait_for_seconds(&browser, 24).await;
    assert_eq!(browser.run("return [window.urls.length, window.sent.length]").await, json!([1, 1]));
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
