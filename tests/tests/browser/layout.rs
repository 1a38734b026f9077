//! Layout with large figures, and when states change.

use heartbeat_tests::{Browser, Database, ServerBuilder, eventually};
use serde_json::{Value, json};

use crate::{server, url};

/// Widths from a small phone to a large screen.
const WIDTHS: [u32; 6] = [320, 375, 768, 1024, 1280, 2560];

/// Pairs of texts whose boxes overlap, and texts that run over the margins.
const COLLISIONS: &str = "
    const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
    const texts = [];
    for (let node; (node = walker.nextNode());) {
        if (node.data.trim() === '' || node.parentElement.closest('.dots, .bdi, .heard, .grid i')) continue;
        const range = document.createRange();
        range.selectNodeContents(node);
        for (const { left, right, top, bottom, width } of range.getClientRects()) {
            if (width > 0) texts.push({ text: node.data.trim(), left, right, top: top + 4, bottom: bottom - 4 });
        }
    }
    const margin = document.querySelector('main').getBoundingClientRect();
    const outside = texts.filter((it) => !it.text.includes('curl') && (it.left < margin.left - 1 || it.right > margin.right + 1));
    const found = outside.map((it) => it.text);
    for (const figure of document.querySelectorAll('.figures [data-number]')) {
        if (figure.getClientRects().length !== 1 || figure.clientHeight > 2 * parseFloat(getComputedStyle(figure).fontSize)) {
            found.push(`${figure.textContent} is broken`);
        }
    }
    texts.forEach((a, index) => texts.slice(index + 1).forEach((b) => {
        if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom && b.top < a.bottom) found.push(`${a.text} | ${b.text}`);
    }));
    if (document.documentElement.scrollWidth > document.documentElement.clientWidth) found.push('scrolls sideways');
    return found";

#[tokio::test]
async fn figures_of_ten_digits_neither_overlap_nor_scroll() {
    let database = Database::create().await;
    let server = server(&database).await;
    for name in ["Laptop", "A phone with a name that takes more than one line on small screens", "W"] {
        server.device(name).await;
    }
    database
        .execute(
            "UPDATE heartbeat.devices SET num_beats = 9999999999, last_beat = now() - interval '400 d 3 h' WHERE id = 0;
             UPDATE heartbeat.devices SET num_beats = 1333036599, last_beat = now() - interval '59 min 30 s' WHERE id = 1;
             UPDATE heartbeat.devices SET num_beats = 999999999 WHERE id = 2;
             UPDATE heartbeat.stats SET total_visits = 9876543210, longest_absence = interval '1234 d 23 h',
                server_start_time = now() - interval '12345 d 23 h'",
        )
        .await;
    eventually("stats of the changed rows", async || {
        server.stranger().stats().await["total_beats"] == 12_333_036_597_i64
    })
    .await;
    let browser = Browser::start().await;
    for path in ["/", "/stats"] {
        browser.open(&url(&server, path)).await;
        for width in WIDTHS {
            browser.resize(width, 900).await;
            let name = if path == "/" { "home" } else { "stats" };
            browser.save_screenshot(&format!("large-{name}-{width}")).await;
            assert_eq!(browser.run(COLLISIONS).await, json!([]), "{path} at {width}");
        }
    }
}

/// Top of what is below the notice, in whole pixels.
async fn top(browser: &Browser) -> Value {
    browser.run("return Math.round(document.querySelector('.hero').getBoundingClientRect().top)").await
}

#[tokio::test]
async fn a_lost_connection_is_shown_after_two_seconds_and_moves_nothing() {
    let database = Database::create().await;
    let mut server = server(&database).await;
    server.device("Laptop").await.beat().await;
    let browser = Browser::start().await;
    let mock = "window.notices = []; window.WebSocket = class extends WebSocket {
        set onclose(take) { super.onclose = (event) => { window.closedAt ??= performance.now(); take(event); }; }
    };
    document.addEventListener('DOMContentLoaded', () => new MutationObserver(() =>
        window.notices.push(performance.now())).observe(document.querySelector('.notice'), { childList: true }));";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": mock })).await;
    browser.open(&url(&server, "/")).await;
    eventually("a frame", async || browser.text(".count").await.starts_with("1 beat")).await;
    let before = {
        browser.resize(320, 700).await;
        let small = top(&browser).await;
        browser.resize(1280, 700).await;
        [small, top(&browser).await]
    };
    server.stop().await;
    browser.wait_for_text(".notice", "Not connected since ").await;
    let delay = browser.run("return window.notices[0] - window.closedAt").await.as_f64();
    assert!(delay >= Some(1_990.0), "{delay:?}");
    let wide = top(&browser).await;
    browser.save_screenshot("stale-1280").await;
    browser.resize(320, 700).await;
    browser.save_screenshot("stale-320").await;
    assert_eq!(before, [top(&browser).await, wide]);
    let own = "return getComputedStyle(document.querySelector('.share .own')).opacity";
    assert_eq!(browser.run(own).await, "0.45");
}

#[tokio::test]
async fn forced_colors_keep_the_mark_of_the_current_page() {
    let database = Database::create().await;
    let server = server(&database).await;
    server.device("Laptop").await.beat().await;
    let browser = Browser::start().await;
    browser.emulate_media(&[("forced-colors", "active"), ("prefers-color-scheme", "dark")]).await;
    browser.open(&url(&server, "/")).await;
    browser.save_screenshot("forced-colors").await;
    let lines =
        "return [...document.querySelectorAll('nav a')].map((it) => getComputedStyle(it).textDecorationLine)";
    assert_eq!(browser.run(lines).await, json!(["underline", "none", "none", "none"]));
    let dot = "return getComputedStyle(document.querySelector('.seen'), '::before').backgroundColor";
    assert_eq!(browser.run(dot).await, "rgb(61, 220, 132)");
}

#[tokio::test]
async fn commands_of_the_empty_page_can_be_copied() {
    let database = Database::create().await;
    let server = server(&database).await;
    let browser = Browser::start().await;
    browser.open(&url(&server, "/")).await;
    let permissions = json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
    browser.devtools("Browser.grantPermissions", permissions).await;
    browser.click("[data-copies=register]").await;
    browser.wait_for_text("[data-copies=register] + [role=status]", "Copied").await;
    let copied = browser
        .run_async("const done = arguments[arguments.length - 1]; navigator.clipboard.readText().then(done, (e) => done(String(e)))")
        .await;
    let expected = format!(
        "curl {} \\\n  -H 'Authorization: YOUR_KEY' \\\n  -d '{{\"name\": \"Laptop\"}}'",
        url(&server, "/api/devices")
    );
    assert_eq!(copied, expected.as_str());
}

#[tokio::test]
async fn the_page_of_a_server_without_a_key_fits_a_phone() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).environment("HEARTBEAT_SECRET_KEY", "").start().await;
    let browser = Browser::start().await;
    browser.open(&url(&server, "/")).await;
    for width in WIDTHS {
        browser.resize(width, 900).await;
        browser.save_screenshot(&format!("without-key-{width}")).await;
        let fits = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth";
        assert_eq!(browser.run(fits).await, true, "at {width}");
    }
    assert!(browser.text(".empty").await.contains("This server has no secret key yet"));
    assert_eq!(browser.run("return document.querySelector('.then').checkVisibility()").await, false);
}

#[tokio::test]
async fn the_page_of_an_outage_reloads_itself() {
    let nowhere = Database::reserve();
    let server = ServerBuilder::on(&nowhere).start_listening().await;
    let browser = Browser::start().await;
    browser.open(&url(&server, "/")).await;
    browser.save_screenshot("outage").await;
    assert!(browser.text("main").await.contains("tries again by itself"));
    browser.run("window.sameAsBefore = true").await;
    eventually("a reload", async || browser.run("return window.sameAsBefore === undefined").await == true)
        .await;
}

#[tokio::test]
async fn the_tab_and_the_words_under_the_age_carry_the_state() {
    let database = Database::create().await;
    let server = server(&database).await;
    server.device("Laptop").await.beat().await;
    let browser = Browser::start().await;
    // Time passes in the page alone, and no frame sets it right.
    let source = "window.WebSocket = class { close() {} }; window.later = 0;
        const real = Date.now; Date.now = () => real() + window.later * 1000";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source })).await;
    browser.open(&url(&server, "/")).await;
    let state = "const words = document.querySelector('.lost');
        return [document.querySelector('link[type=\"image/svg+xml\"]').href.split('/').pop().split('?')[0], document.title,
            document.querySelector('h2').innerText, words.checkVisibility() ? words.innerText : '']";
    let words = "After 48 hours without a beat, something is probably wrong.";
    for (later, icon, title, verdict, below) in [
        (0, "icon.svg", "Here now · Ada's heartbeat", "Here now, on Laptop", ""),
        (7_200, "icon-away.svg", "2 hours ago · Ada's heartbeat", "Last heartbeat, on Laptop", ""),
        (172_800, "icon-lost.svg", "2 days ago · Ada's heartbeat", "Last heartbeat, on Laptop", words),
    ] {
        browser.run(&format!("window.later = {later}")).await;
        let expected = json!([icon, title, verdict, below]);
        eventually(title, async || browser.run(state).await == expected).await;
    }
    browser.save_screenshot("lost").await;
    for icon in ["icon.svg", "icon-away.svg", "icon-lost.svg"] {
        assert_eq!(server.stranger().get(&format!("/assets/{icon}")).await.status, 200, "{icon}");
    }
}

#[tokio::test]
async fn nothing_moves_while_the_page_loads_and_beats_arrive() {
    let database = Database::create().await;
    let server = server(&database).await;
    let (laptop, phone) = (server.device("Laptop").await, server.device("Phone").await);
    laptop.beat().await;
    phone.beat().await;
    let browser = Browser::start().await;
    let observe = "window.moved = []; new PerformanceObserver((list) => list.getEntries().forEach(({ sources }) => sources.forEach(
        ({ node, previousRect: before, currentRect: after }) => {
            // Blanks between elements show nothing, and their boxes change with what stands beside them.
            if (node?.nodeType === Node.TEXT_NODE && node.nodeValue.trim() === '') return;
            // Text may grow to its right; lines must stay where they are.
            if (Math.abs(before.top - after.top) >= 2) window.moved.push((node?.parentElement ?? node)?.outerHTML.slice(0, 80));
        }))).observe({ type: 'layout-shift', buffered: true })";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": observe })).await;
    for width in WIDTHS {
        browser.resize(width, 900).await;
        browser.open(&url(&server, "/")).await;
        laptop.beat().await;
        browser.wait_for_text(".age", "1 sec").await;
        browser.wait_for_text(".age", "2 sec").await;
        assert_eq!(browser.run("return window.moved").await, json!([]), "at {width}");
    }
}
