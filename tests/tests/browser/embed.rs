//! `<heartbeat-status>` on a page of another origin, under a strict policy.

mod sources;

use axum::{
    Router,
    http::header::CONTENT_SECURITY_POLICY,
    response::{Html, IntoResponse},
};
use heartbeat_tests::{Browser, Database, Server, eventually};
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    at_fixed_port,
    quality::{tool, violations},
    server,
    stream::{COUNTING, PASSING_TIME},
};

in_both_browsers!(
    several_elements_are_live_over_one_connection,
    an_element_may_name_its_device,
    elements_come_and_go,
    while_the_server_is_away_the_last_age_is_kept,
    without_a_server_the_content_of_the_element_stays,
    a_policy_without_the_stream_leaves_requests,
    stats_in_steps_stand_still,
);

/// A site of another origin, with a page that embeds `elements` of `server` under a policy that allows what they need and
/// nothing else. Returns the URL of the page.
async fn site(server: &Server, elements: &str) -> String {
    let (host, elements) = (format!("127.0.0.1:{}", server.port()), elements.to_owned());
    site_with(&format!("script-src http://{host}; connect-src http://{host} ws://{host}"), &host, elements)
        .await
}

/// The same with another policy.
async fn site_with(policy: &str, host: &str, elements: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let policy = format!("default-src 'none'; img-src data:; {policy}");
    let elements = elements.replace("<heartbeat-status", &format!("<heartbeat-status src=\"http://{host}\""));
    let page = format!(
        "<!doctype html><html lang=en><title>A site</title><link rel=icon href=data:,>
         <main><h1>A site</h1>{elements}</main><script async src=\"http://{host}/embed.js\"></script>"
    );
    let respond = async move || ([(CONTENT_SECURITY_POLICY, policy)], Html(page)).into_response();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(respond)).await });
    // Another host, too: a browser takes `localhost` for another site.
    format!("http://localhost:{port}/")
}

/// What a visitor reads of an element.
async fn text(browser: &Browser, css: &str) -> String {
    let script = format!(
        "const element = document.querySelector('{css}');
         const shown = [...element.shadowRoot?.children ?? []].filter((it) => !it.hidden);
         return shown.map((it) => it.tagName === 'SLOT' ? element.textContent : it.innerText).join('')"
    );
    browser.run(&script).await.as_str().expect("text").to_owned()
}

/// Waits until an element contains a text.
async fn wait_for_text(browser: &Browser, css: &str, expected: &str) {
    eventually(expected, async || text(browser, css).await.contains(expected)).await;
}

/// Waits until the server has so many viewers.
async fn wait_for_viewers(server: &Server, viewers: u32) {
    let line = format!("heartbeat_viewers {viewers}\n");
    eventually(&line, async || server.owner().get("/metrics").await.body.contains(&line)).await;
}

/// Sets the last beats of a laptop and a phone.
async fn with_devices(server: &Server, database: &Database) {
    for name in ["Laptop", "Phone"] {
        server.device(name).await;
    }
    database
        .execute(
            "UPDATE heartbeat.devices SET num_beats = 5, last_beat = now() - interval '3 h' WHERE id = 0;
             UPDATE heartbeat.devices SET num_beats = 7, last_beat = now() - interval '3 days' WHERE id = 1",
        )
        .await;
    eventually("the changed rows", async || server.stranger().stats().await["total_beats"] == 12).await;
}

async fn several_elements_are_live_over_one_connection(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database).await;
    let laptop = server.device("Laptop").await;
    database.execute("UPDATE heartbeat.devices SET num_beats = 5, last_beat = now() - interval '3 h'").await;
    let elements =
        "<heartbeat-status id=one></heartbeat-status> <heartbeat-status id=two></heartbeat-status>";
    browser.open(&site(&server, elements).await).await;
    for element in ["#one", "#two"] {
        wait_for_text(&browser, element, "Last seen 3 hours ago, on Laptop").await;
    }
    let recency = "return document.querySelector('#one').getAttribute('recency')";
    assert_eq!(browser.run(recency).await, "today");
    wait_for_viewers(&server, 1).await;
    laptop.beat().await;
    for element in ["#one", "#two"] {
        wait_for_text(&browser, element, "Last seen 2 seconds ago, on Laptop").await;
    }
    assert_eq!(browser.run(recency).await, "now");
    wait_for_viewers(&server, 1).await;
    assert_eq!(browser.console().await, Vec::<String>::new());
}

async fn an_element_may_name_its_device(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database).await;
    with_devices(&server, &database).await;
    server.device("Desk").await;
    server.device("Secret").await;
    database.execute("UPDATE heartbeat.devices SET visibility = 'hidden' WHERE id = 3").await;
    let element = |device: &str| format!("<p><heartbeat-status device='{device}'></heartbeat-status>");
    let elements = ["Laptop", "1", "Desk", "Secret", "Tablet"].map(element).concat();
    browser.open(&site(&server, &elements).await).await;
    for (device, expected, recency) in [
        ("Laptop", "Last seen 3 hours ago, on Laptop", "today"),
        ("1", "Last seen 3 days ago, on Phone", "lost"),
        ("Desk", "Not seen yet", "never"),
        ("Secret", "No such device", "never"),
        ("Tablet", "No such device", "never"),
    ] {
        let css = format!("[device={device:?}]");
        wait_for_text(&browser, &css, expected).await;
        assert_eq!(text(&browser, &css).await, expected);
        let attribute = format!("return document.querySelector('{css}').getAttribute('recency')");
        assert_eq!(browser.run(&attribute).await, recency, "{device}");
    }
    browser.run("document.querySelector('[device=Laptop]').device = 'Phone'").await;
    wait_for_text(&browser, "heartbeat-status", "Last seen 3 days ago, on Phone").await;
    browser.run("document.querySelector('heartbeat-status').removeAttribute('device')").await;
    wait_for_text(&browser, "heartbeat-status", "Last seen 3 hours ago, on Laptop").await;
    assert_eq!(browser.console().await, Vec::<String>::new());
}

async fn elements_come_and_go(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database).await;
    with_devices(&server, &database).await;
    browser.open(&site(&server, "<heartbeat-status></heartbeat-status>").await).await;
    wait_for_viewers(&server, 1).await;
    // One that is moved is none that is removed.
    browser
        .run("window.element = document.querySelector('heartbeat-status'); document.body.append(element)")
        .await;
    browser.run("document.body.append(element.cloneNode(true))").await;
    wait_for_text(&browser, "heartbeat-status:last-of-type", "3 hours ago").await;
    wait_for_viewers(&server, 1).await;
    browser.run("for (const it of document.querySelectorAll('heartbeat-status')) it.remove()").await;
    wait_for_viewers(&server, 0).await;
    browser.run("document.querySelector('main').append(element)").await;
    wait_for_viewers(&server, 1).await;
    wait_for_text(&browser, "heartbeat-status", "3 hours ago").await;
    browser.run("element.src = 'http://127.0.0.1:1/'").await;
    wait_for_viewers(&server, 0).await;
    wait_for_text(&browser, "heartbeat-status", "(not connected)").await;
}

async fn while_the_server_is_away_the_last_age_is_kept(browser: Browser) {
    let database = Database::create().await;
    let builder = at_fixed_port(&database);
    let mut first = builder.start().await;
    with_devices(&first, &database).await;
    let laptop = first.stranger().authorized(&first.owner().register("Desk").await.1);
    browser.open(&site(&first, "<heartbeat-status></heartbeat-status>").await).await;
    wait_for_text(&browser, "heartbeat-status", "Last seen 3 hours ago, on Laptop").await;
    first.stop().await;
    wait_for_text(&browser, "heartbeat-status", "Last seen 3 hours ago, on Laptop (not connected since ")
        .await;
    assert_eq!(
        browser.run("return document.querySelector('heartbeat-status').hasAttribute('away')").await,
        true
    );
    let _second = builder.start().await;
    laptop.beat().await;
    wait_for_text(&browser, "heartbeat-status", "ago, on Desk").await;
    assert!(!text(&browser, "heartbeat-status").await.contains("connected"));
    assert_eq!(
        browser.run("return document.querySelector('heartbeat-status').hasAttribute('away')").await,
        false
    );
}

async fn without_a_server_the_content_of_the_element_stays(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database).await;
    let elements = "<heartbeat-status>My heartbeat</heartbeat-status>";
    browser.open(&site(&server, elements).await).await;
    wait_for_text(&browser, "heartbeat-status", "Not seen yet").await;
    assert_eq!(text(&browser, "heartbeat-status").await, "Not seen yet");
    let away = "const element = document.createElement('heartbeat-status');
        element.append('My heartbeat'); element.src = 'http://127.0.0.1:1/'; document.body.prepend(element)";
    browser.run(away).await;
    assert_eq!(text(&browser, "heartbeat-status").await, "My heartbeat");
    wait_for_text(&browser, "heartbeat-status", "My heartbeat (not connected)").await;
}

async fn a_policy_without_the_stream_leaves_requests(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database).await;
    with_devices(&server, &database).await;
    let host = format!("127.0.0.1:{}", server.port());
    let policy = format!("script-src http://{host}; connect-src http://{host}");
    let elements = "<heartbeat-status></heartbeat-status>".to_owned();
    browser.open(&site_with(&policy, &host, elements).await).await;
    wait_for_text(&browser, "heartbeat-status", "Last seen 3 hours ago, on Laptop").await;
    assert_eq!(text(&browser, "heartbeat-status").await, "Last seen 3 hours ago, on Laptop");
    wait_for_viewers(&server, 0).await;
}

async fn stats_in_steps_stand_still(browser: Browser) {
    let database = Database::create().await;
    let server = at_fixed_port(&database).environment("HEARTBEAT_PRECISION", "hour").start().await;
    server.device("Laptop").await.beat().await;
    database.execute(crate::precision::AN_HOUR_LATER).await;
    browser.open(&site(&server, "<heartbeat-status></heartbeat-status>").await).await;
    wait_for_text(&browser, "heartbeat-status", "Last seen 1 hour ago, on Laptop (as of ").await;
    let before = text(&browser, "heartbeat-status").await;
    crate::precision::observe(&server).await;
    assert_eq!(text(&browser, "heartbeat-status").await, before);
}

#[tokio::test]
async fn where_there_is_no_stream_the_stats_are_requested_once_a_minute() {
    let database = Database::create().await;
    let server = server(&database).await;
    with_devices(&server, &database).await;
    let browser = Browser::start().await;
    let no_stream =
        "window.WebSocket = class { constructor() { throw new DOMException('', 'SecurityError'); } };";
    let source = [PASSING_TIME, no_stream].concat();
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source })).await;
    browser.open(&site(&server, "<heartbeat-status></heartbeat-status>").await).await;
    wait_for_text(&browser, "heartbeat-status", "3 hours ago").await;
    let requests = "return performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/api/stats')).length";
    database.execute("UPDATE heartbeat.devices SET num_beats = 9, last_beat = now() - interval '2 h'").await;
    eventually("the changed rows", async || server.stranger().stats().await["total_beats"] == 18).await;
    browser.run("window.later = 30; window.dispatchEvent(new Event('online'))").await;
    // It is not due yet, and nothing is missing either.
    crate::precision::observe(&server).await;
    assert_eq!(browser.run(requests).await, 1);
    assert_eq!(text(&browser, "heartbeat-status").await, "Last seen 3 hours ago, on Laptop");
    browser.run("window.later = 80").await;
    wait_for_text(&browser, "heartbeat-status", "2 hours ago").await;
    assert_eq!(browser.run(requests).await, 2);
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test]
async fn the_script_knows_where_the_stream_of_its_server_is() {
    let database = Database::create().await;
    let server = server(&database).await;
    let stream = format!("ws://127.0.0.1:{}/api/stats/ws?tenant=ada%20l", server.port());
    let front = at_fixed_port(&database).environment("HEARTBEAT_WS_URL", &stream).start().await;
    server.device("Laptop").await.beat().await;
    let browser = Browser::start().await;
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": COUNTING })).await;
    let hosts = [server.port(), front.port()].map(|port| format!("127.0.0.1:{port}"));
    let policy = format!("script-src http://{0}; connect-src http://{0} ws://{1}", hosts[1], hosts[0]);
    let elements = "<heartbeat-status></heartbeat-status>".to_owned();
    browser.open(&site_with(&policy, &hosts[1], elements).await).await;
    wait_for_text(&browser, "heartbeat-status", "on Laptop").await;
    assert_eq!(browser.run("return window.urls").await, json!([stream + "&frames=changes"]));
    // Without a `src`, it is the server that the script came from.
    browser.run("document.querySelector('heartbeat-status').removeAttribute('src')").await;
    wait_for_text(&browser, "heartbeat-status", "on Laptop").await;
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_page_that_is_hidden_for_long_disconnects() {
    let database = Database::create().await;
    let server = server(&database).await;
    let laptop = server.device("Laptop").await;
    let browser = Browser::start().await;
    // Of five minutes, and of nothing else.
    let hurry = "const wait = window.setTimeout;
        window.setTimeout = (call, delay, ...rest) => wait(call, delay === 300_000 ? 1 : delay, ...rest);";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": hurry })).await;
    browser.open(&site(&server, "<heartbeat-status></heartbeat-status>").await).await;
    wait_for_viewers(&server, 1).await;
    let set = |hidden: bool| {
        format!(
            "Object.defineProperty(document, 'hidden', {{ value: {hidden}, configurable: true }});
             document.dispatchEvent(new Event('visibilitychange'))"
        )
    };
    browser.run(&set(true)).await;
    wait_for_viewers(&server, 0).await;
    laptop.beat().await;
    browser.run(&set(false)).await;
    wait_for_viewers(&server, 1).await;
    wait_for_text(&browser, "heartbeat-status", "on Laptop").await;
}

#[tokio::test]
async fn an_element_is_accessible_and_looks_like_its_page() {
    let database = Database::create().await;
    let server = server(&database).await;
    with_devices(&server, &database).await;
    server.device("Desk").await.beat().await;
    let axe = std::fs::read_to_string(tool("node_modules/axe-core/axe.min.js")).expect("axe");
    let browser = Browser::start().await;
    let elements = "<p><heartbeat-status></heartbeat-status>
        <p><heartbeat-status device=Laptop></heartbeat-status><p><heartbeat-status device=Phone></heartbeat-status>
        <p><heartbeat-status device=Tablet></heartbeat-status>";
    browser.open(&site(&server, elements).await).await;
    wait_for_text(&browser, "p:last-of-type heartbeat-status", "No such device").await;
    assert_eq!(violations(&browser, &axe).await, Vec::<String>::new());
    for (name, color, background) in
        [("light", "rgb(34, 34, 34)", "white"), ("dark", "rgb(238, 238, 238)", "rgb(17, 17, 17)")]
    {
        let style = format!(
            "const sheet = new CSSStyleSheet();
             sheet.replaceSync(`body {{ font: italic 20px serif; color: {color}; background: {background} }}
                 heartbeat-status::part(device) {{ font-weight: 700 }}
                 heartbeat-status[recency=now] {{ --heartbeat-dot-color: rgb(0, 128, 0) }}`);
             document.adoptedStyleSheets = [sheet];
             const [now, laptop] = document.querySelectorAll('heartbeat-status');
             const of = (element, part) => getComputedStyle(element.shadowRoot.querySelector(`[part=${{part}}]`));
             return [of(laptop, 'age').color, of(laptop, 'age').fontStyle, of(laptop, 'dot').borderTopColor,
                 of(laptop, 'device').fontWeight, of(now, 'dot').borderTopColor]"
        );
        let expected = json!([color, "italic", color, "700", "rgb(0, 128, 0)"]);
        assert_eq!(browser.run(&style).await, expected);
        browser.resize(800, 400).await;
        browser.save_screenshot(&format!("embed-{name}")).await;
    }
}

#[tokio::test]
async fn a_beat_moves_the_dot_unless_the_visitor_wants_no_motion() {
    let database = Database::create().await;
    let server = server(&database).await;
    let laptop = server.device("Laptop").await;
    let browser = Browser::start().await;
    let url = site(&server, "<heartbeat-status></heartbeat-status>").await;
    // Counted, as animations are too short to be observed.
    let count = "window.animations = 0; const animate = Element.prototype.animate;
        Element.prototype.animate = function (...options) { window.animations += 1; return animate.apply(this, options); }";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": count })).await;
    laptop.beat().await;
    for (preference, animates) in [("reduce", false), ("no-preference", true)] {
        browser.emulate_media(&[("prefers-reduced-motion", preference)]).await;
        browser.open(&url).await;
        wait_for_text(&browser, "heartbeat-status", "2 seconds ago").await;
        assert_eq!(browser.run("return window.animations").await, 0, "nothing has arrived");
        laptop.beat().await;
        let is_shown = async || {
            let text = text(&browser, "heartbeat-status").await;
            ["just now", "1 second ago"].iter().any(|age| text.contains(age))
        };
        eventually("the beat", is_shown).await;
        assert_eq!(browser.run("return window.animations > 0").await, animates, "{preference}");
    }
}
