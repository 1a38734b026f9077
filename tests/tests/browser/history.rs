//! The history on `/` and `/stats`.

use heartbeat_tests::{Browser, Database, Server, ServerBuilder, eventually};
use serde_json::json;

use crate::{
    at_fixed_port,
    precision::{AN_HOUR_LATER, observe},
    quality::{tool, violations},
    stream::PASSING_TIME,
    url,
};

in_both_browsers!(todays_time_in_use_grows_as_beats_arrive, days_appear_with_the_first_beat);

/// Widths from a small phone to a large screen.
const WIDTHS: [u32; 6] = [320, 375, 768, 1024, 1280, 2560];

/// Returns a server whose clocks show noon: no day begins while a test runs.
async fn at_noon(database: &Database) -> ServerBuilder {
    let hour =
        Database::create().await.number("SELECT extract(hour FROM now() AT TIME ZONE 'UTC')::bigint").await;
    let zone = match 12 - hour {
        0 => "Etc/GMT".to_owned(),
        // The names say how far clocks are behind.
        ahead => format!("Etc/GMT{:+}", -ahead),
    };
    at_fixed_port(database).environment("HEARTBEAT_TIMEZONE", &zone)
}

/// Starts a server at noon that shows so much of its history.
async fn server(database: &Database, history: &str) -> Server {
    at_noon(database).await.environment("HEARTBEAT_HISTORY", history).start().await
}

/// Starts a server on which some devices have been in use on most of these days.
pub(crate) async fn with_history(database: &Database, days: u32, devices: u32) -> Server {
    let server = server(database, "full").await;
    for device in 0..devices {
        server.device(&format!("Device {device} with a long name")).await;
    }
    let used = "number BETWEEN 32 AND 90 AND (ago * 31 + number * 17 + device * 7) % 5 > 2 AND ago % 9 > 0";
    database
        .execute(&format!(
            "UPDATE heartbeat.roll_up SET rolled_until = now() - interval '1 minute';
             UPDATE heartbeat.stats SET server_start_time = now() - interval '{days} days';
             INSERT INTO heartbeat.presence (device, day, minutes, beats)
             SELECT device, current_date - ago,
                array_agg((CASE WHEN {used} THEN 32767 ELSE 0 END)::smallint ORDER BY number),
                array_agg(CASE WHEN {used} THEN 15 ELSE 0 END ORDER BY number)
             FROM generate_series(1, {days}) AS ago, generate_series(-1, {devices} - 1) AS device, generate_series(0, 95) AS number
             GROUP BY device, ago;
             INSERT INTO heartbeat.absences (started_at, ended_at, ended_by)
             SELECT now() - make_interval(days => ago, hours => ago * 3), now() - make_interval(days => ago), 0
             FROM generate_series(1, {days}, 2) AS ago LIMIT 20;
             INSERT INTO heartbeat.outages VALUES (now() - interval '30 hours', now() - interval '27 hours');
             UPDATE heartbeat.devices SET num_beats = 100000, last_beat = now() - interval '2 hours 5 minutes'",
        ))
        .await;
    eventually("the last beats", async || {
        server.stranger().stats().await["total_beats"] == i64::from(devices) * 100_000
    })
    .await;
    server
}

async fn todays_time_in_use_grows_as_beats_arrive(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database, "full").await;
    let laptop = server.device("Laptop").await;
    database
        .execute(
            "UPDATE heartbeat.roll_up SET rolled_until = now() - interval '1 minute';
             INSERT INTO heartbeat.presence (device, day, minutes, beats)
             SELECT -1, beat::date,
                array_agg((CASE WHEN number = minute / 15 THEN 1 << minute % 15 ELSE 0 END)::smallint ORDER BY number),
                array_agg(CASE WHEN number = minute / 15 THEN 1 ELSE 0 END ORDER BY number)
             FROM (SELECT (now() - interval '3 minutes') AT TIME ZONE 'UTC' AS beat) AS last,
                LATERAL (SELECT (extract(hour FROM beat) * 60 + extract(minute FROM beat))::integer AS minute) AS minute,
                generate_series(0, 95) AS number
             GROUP BY beat;
             UPDATE heartbeat.stats SET server_start_time = now() - interval '1 day';
             UPDATE heartbeat.devices SET num_beats = 1, last_beat = now() - interval '3 minutes'",
        )
        .await;
    eventually("the beat", async || server.stranger().get("/").await.body.contains(">1 min</span>")).await;
    browser.open(&url(&server, "/")).await;
    browser.wait_for_text(".today .sum", "1 min").await;
    let boxes = "return document.querySelector('.today path.used').getAttribute('d').match(/h\\d+/g).join()";
    assert_eq!(browser.run(boxes).await, "h1");
    laptop.beat().await;
    browser.wait_for_text(".today .sum", "2 min").await;
    let drawn = browser.run(boxes).await;
    assert!(drawn == "h4" || drawn == "h5", "{drawn}");
    let heard = browser.run("return document.querySelector('.today td .heard').textContent").await;
    let heard = heard.as_str().expect("a text");
    assert!(heard.starts_with("2 minutes, first 1") && heard.contains(", last 1"), "{heard}");
    // What the script makes of the page is what the server makes of it.
    eventually("the same from the server", async || {
        let page = server.stranger().get("/").await.body;
        page.contains(heard)
    })
    .await;
    assert_eq!(browser.console().await, Vec::<String>::new());
}

async fn days_appear_with_the_first_beat(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database, "day").await;
    browser.open(&url(&server, "/")).await;
    browser.wait_for_text(".empty", "Add a device").await;
    assert_eq!(browser.run("return document.getElementById('days').checkVisibility()").await, false);
    server.device("Laptop").await.beat().await;
    browser.wait_for_text(".today .sum", "1 min").await;
    assert_eq!(browser.run("return document.querySelector('#days .line')").await, json!(null));
    assert_eq!(server.stranger().stats().await["num_visits"], 1);
}

/// Counts requests of the page, which are sent without delay, and fail while `fails` is set. `pass` passes a frame of a later
/// day to the page.
const RENEWALS: &str = "
    const [request, wait] = [window.fetch, window.setTimeout];
    window.requests = 0;
    window.fetch = (...options) => {
        window.requests += 1;
        return window.fails ? Promise.reject(new TypeError()) : request(...options);
    };
    window.setTimeout = (call) => wait(call, 0);
    window.pass = (total_beats) => {
        const detail = { last_seen: Date.now() / 1000 + 172800, last_seen_relative: 0, total_beats };
        document.querySelector('main').dispatchEvent(new CustomEvent('frame', { detail }));
    }";

/// Number of requests since then.
const REQUESTS: &str = "return window.requests";

#[tokio::test]
async fn days_that_may_not_be_shown_any_more_leave_the_open_page() {
    let database = Database::create().await;
    let builder = at_noon(&database).await;
    let mut open = builder.clone().environment("HEARTBEAT_HISTORY", "day").start().await;
    open.device("Laptop").await.beat().await;
    let browser = Browser::start().await;
    browser.open(&url(&open, "/")).await;
    browser.wait_for_text(".today .sum", "1 min").await;
    open.stop().await;
    let closed = builder.environment("HEARTBEAT_HISTORY", "owner").start().await;
    browser.run(RENEWALS).await;
    browser.run("window.pass(98); window.pass(99)").await;
    let days = "return document.querySelector('#days:not([hidden]), #days *')";
    eventually("no days", async || browser.run(days).await == json!(null)).await;
    browser.run("window.pass(100)").await;
    observe(&closed).await;
    assert_eq!(browser.run(REQUESTS).await, 1, "they are not asked for again at once");
}

#[tokio::test]
async fn days_that_cannot_be_renewed_are_tried_again_with_backoff() {
    for precision in ["exact", "hour"] {
        let database = Database::create().await;
        let builder = at_noon(&database).await.environment("HEARTBEAT_PRECISION", precision);
        let server = builder.environment("HEARTBEAT_HISTORY", "day").start().await;
        server.device("Laptop").await.beat().await;
        database.execute(AN_HOUR_LATER).await;
        let browser = Browser::start().await;
        browser.open(&url(&server, "/")).await;
        browser.wait_for_text(".days", "Time zone").await;
        browser.run(PASSING_TIME).await;
        browser.run(RENEWALS).await;
        browser.run("window.fails = true; document.getElementById('days').classList.add('old')").await;
        browser.run("window.pass(98); window.pass(99)").await;
        eventually("a request", async || browser.run(REQUESTS).await == 1).await;
        // Frames that tell nothing new: what failed is still due, after one minute, then after two.
        for (later, requests) in [(0, 1), (30, 1), (61, 2), (150, 2)] {
            browser.run(&format!("window.later = {later}; window.pass(99)")).await;
            observe(&server).await;
            assert_eq!(browser.run(REQUESTS).await, requests, "{precision}: {later} seconds later");
        }
        browser.run("window.fails = false; window.later = 190; window.pass(99)").await;
        let old = "return document.querySelector('#days.old')";
        eventually("other days", async || browser.run(old).await == json!(null)).await;
    }
}

/// What runs over the margins, and whether the page scrolls sideways.
const OVERFLOW: &str = "
    const margin = document.querySelector('main').getBoundingClientRect();
    const found = [...document.querySelectorAll('.days *, .history *, .choices *')]
        .filter((it) => !it.matches('i, .heard') && it.getClientRects().length > 0)
        .map((it) => [it, it.getBoundingClientRect()])
        .filter(([, { left, right }]) => left < margin.left - 3 || right > margin.right + 3)
        .map(([it]) => it.outerHTML.slice(0, 80));
    if (document.documentElement.scrollWidth > document.documentElement.clientWidth) found.push('scrolls sideways');
    return found";

#[tokio::test]
async fn the_history_fits_every_screen_and_is_accessible() {
    let axe = std::fs::read_to_string(tool("node_modules/axe-core/axe.min.js")).expect("axe");
    let browser = Browser::start().await;
    for (name, days, devices) in [("month", 30, 2), ("years", 730, 3), ("devices", 400, 10)] {
        let database = Database::create().await;
        let server = with_history(&database, days, devices).await;
        for (path, page) in [("/", "home"), ("/stats", "stats"), ("/stats?device=1", "stats-of-device")] {
            for scheme in ["light", "dark"] {
                browser.emulate_media(&[("prefers-color-scheme", scheme)]).await;
                browser.open(&url(&server, path)).await;
                for width in WIDTHS {
                    browser.resize(width, 900).await;
                    assert_eq!(browser.run(OVERFLOW).await, json!([]), "{name}: {path} at {width}");
                    browser.save_screenshot(&format!("history-{name}-{page}-{scheme}-{width}")).await;
                }
                assert_eq!(
                    violations(&browser, &axe).await,
                    Vec::<String>::new(),
                    "{name}: {path}, {scheme}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_wide_screen_shows_a_year_and_a_phone_says_that_it_shows_less() {
    let database = Database::create().await;
    let server = with_history(&database, 730, 1).await;
    let browser = Browser::start().await;
    browser.open(&url(&server, "/stats")).await;
    let shown = "return [[...document.querySelectorAll('.year tr:first-child td')].filter((it) => it.checkVisibility()).length,
        document.querySelector('.narrow').checkVisibility()]";
    browser.resize(1_280, 900).await;
    assert_eq!(browser.run(shown).await, json!([53, false]));
    browser.resize(375, 900).await;
    assert_eq!(browser.run(shown).await, json!([25, true]));
    // Squares, or nearly so.
    let cell = "const { width, height } = document.querySelector('.year td:last-child').getBoundingClientRect(); return width / height";
    for width in WIDTHS {
        browser.resize(width, 900).await;
        let ratio = browser.run(cell).await.as_f64().expect("a number");
        assert!((0.8..1.25).contains(&ratio), "{ratio} at {width}");
    }
}

#[tokio::test]
async fn the_statistics_and_all_they_load_are_under_sixty_kilobytes() {
    let database = Database::create().await;
    let server = with_history(&database, 730, 10).await;
    let browser = Browser::start().await;
    for (path, max) in [("/", 30_000), ("/stats", 60_000)] {
        browser.open(&url(&server, path)).await;
        let sizes = browser
            .run(
                "return [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
                    .map(({ transferSize }) => transferSize)",
            )
            .await;
        let sizes: Vec<u64> = serde_json::from_value(sizes).expect("numbers");
        // Files that another page has loaded are in the cache.
        let total: u64 = sizes.iter().sum();
        assert!(total > 2_000 && total < max, "{path}: {sizes:?}");
    }
}

#[tokio::test]
async fn nothing_moves_while_the_history_loads_and_grows() {
    let database = Database::create().await;
    let server = with_history(&database, 60, 1).await;
    let laptop = server.device("Laptop").await;
    let browser = Browser::start().await;
    let observe = "window.moved = []; new PerformanceObserver((list) => list.getEntries().forEach(({ value, sources }) =>
        sources.forEach(({ node, previousRect: before, currentRect: after }) => {
            if (Math.abs(before.top - after.top) >= 2) window.moved.push((node?.parentElement ?? node)?.outerHTML.slice(0, 80));
        }))).observe({ type: 'layout-shift', buffered: true })";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": observe })).await;
    for path in ["/", "/stats"] {
        for width in WIDTHS {
            browser.resize(width, 900).await;
            browser.open(&url(&server, path)).await;
            laptop.beat().await;
            eventually("a frame", async || {
                browser.run("return document.querySelector('.figures dd').textContent !== ''").await == true
            })
            .await;
            assert_eq!(browser.run("return window.moved").await, json!([]), "{path} at {width}");
        }
    }
}
