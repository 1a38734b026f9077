//! `/manage`: the owner's pages.

use heartbeat_tests::{Browser, Database, Server, server::SECRET_KEY};
use resvg::tiny_skia::Pixmap;
use rqrr::PreparedImage;
use serde_json::{Value, json};

use crate::{
    quality::{tool, violations},
    server, url,
};

in_both_browsers!(
    a_new_owner_signs_in_adds_a_phone_and_sees_its_first_beat,
    a_device_is_renamed_hidden_shown_archived_and_erased,
    what_strangers_see_is_chosen_at_first,
);

/// Viewports, from a small phone to a wide screen.
pub(crate) const VIEWPORTS: [(u32, u32); 3] = [(320, 568), (768, 1024), (2560, 1440)];

pub(crate) async fn sign_in(browser: &Browser, server: &Server) {
    browser.open(&url(server, "/manage")).await;
    browser.type_into("[name=key]", SECRET_KEY).await;
    browser.click(".sign-in button").await;
    browser.wait_for_text("h1", "for its owner").await;
}

/// Opens the part of a device's row that changes it.
async fn open_changes(browser: &Browser, id: i64) {
    browser.click(&format!("#device-{id} .change > summary")).await;
}

/// Text of the QR code in the picture of the page.
async fn read_qr(browser: &Browser) -> String {
    browser.run("document.querySelector('.picture').scrollIntoView()").await;
    let picture = Pixmap::decode_png(&browser.screenshot().await).expect("a PNG");
    let width = usize::try_from(picture.width()).expect("small");
    let height = usize::try_from(picture.height()).expect("small");
    let gray = |x: usize, y: usize| picture.pixels()[y * width + x].green();
    let mut image = PreparedImage::prepare_from_greyscale(width, height, gray);
    let grids = image.detect_grids();
    let [grid] = grids.as_slice() else { panic!("one code, not {}", grids.len()) };
    grid.decode().expect("a text").1
}

async fn a_new_owner_signs_in_adds_a_phone_and_sees_its_first_beat(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database).await;
    // The page of an empty server leads there.
    browser.open(&url(&server, "/")).await;
    browser.click(".first a[href='/manage']").await;
    browser.type_into("[name=key]", "not the key").await;
    browser.click(".sign-in button").await;
    browser.wait_for_text(".problem", "This is not the key of this server.").await;
    browser.type_into("[name=key]", SECRET_KEY).await;
    browser.click(".sign-in button").await;
    browser.wait_for_text("#verdict", "Ready for the first heartbeat").await;

    browser.type_into("#new-name", "Phone").await;
    browser.click(".add button").await;
    browser.wait_for_text("h1", "Connect Phone").await;
    browser.wait_for_text(".progress", "Waiting for the device. 10 minutes left").await;
    let token = browser.text("#token").await;
    assert!(token.starts_with("hbt_"), "{token}");
    let code = browser.text("#code").await;
    assert_eq!(read_qr(&browser).await, format!("{}/pair#{code}", url(&server, "")));
    assert!(!browser.run("return document.body.innerHTML").await.to_string().contains(SECRET_KEY));

    // Loaded again, it makes nothing twice, keeps the code, and shows no token.
    browser.reload().await;
    browser.wait_for_text("#code", &code).await;
    browser.wait_for_text("main", "The token was shown once.").await;
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.devices").await, 1);

    let redeemed = server.stranger().post("/api/pair", json!({ "code": code }).to_string()).await;
    let phone = server.stranger().authorized(redeemed.json()["token"].as_str().expect("a token"));
    browser.wait_for_text(".progress", "Paired, waiting for its first beat.").await;
    phone.beat().await;
    browser.wait_for_text(".progress", "First beat arrived.").await;

    browser.click(".back a").await;
    browser.wait_for_text("#verdict", "All is well").await;
    browser.wait_for_text("#device-0", "1 beat").await;
    browser.click(".top button").await;
    browser.wait_for_text("h1", "Sign in").await;
    browser.open(&url(&server, "/manage/devices/0")).await;
    browser.wait_for_text("h1", "Sign in").await;
    let console: Vec<_> = browser.console().await;
    // The wrong key is logged as 401.
    assert!(console.iter().all(|line| line.contains("401")), "{console:?}");
}

async fn a_device_is_renamed_hidden_shown_archived_and_erased(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database).await;
    server.device("Laptop").await.beat().await;
    let phone = server.device("Phone").await;
    phone.beat().await;
    phone.beat().await;
    let badge = async || server.stranger().get("/badge/last-seen?device=1").await.status;
    sign_in(&browser, &server).await;

    open_changes(&browser, 1).await;
    browser.run("document.querySelector('#name-1').select()").await;
    browser.type_into("#name-1", "Laptop").await;
    browser.click("#device-1 .rename button").await;
    browser.wait_for_text(".done", "The device has its new name.").await;
    browser.wait_for_text("#device-0 .warning", "Another device is called Laptop, too.").await;
    assert_eq!(badge().await, 200);

    open_changes(&browser, 1).await;
    browser.click("#device-1 [value=hide]").await;
    browser.wait_for_text("#device-1 .tag", "hidden").await;
    assert_eq!(badge().await, 404);
    open_changes(&browser, 1).await;
    browser.click("#device-1 [value=show]").await;
    browser.wait_for_text(".done", "Strangers see the device again.").await;
    assert_eq!(badge().await, 200);

    open_changes(&browser, 1).await;
    browser.click("#device-1 [value=archive]").await;
    browser.wait_for_text("#device-1 .tag", "archived").await;
    assert_eq!(badge().await, 404);
    assert_eq!(phone.post("/api/beat", "").await.status, 401);
    assert_eq!(server.stranger().stats().await["total_beats"], 3);

    open_changes(&browser, 1).await;
    browser.click("#device-1 .erase summary").await;
    browser
        .wait_for_text(
            "#device-1 .erase",
            "Erase Laptop and its 2 beats? The total falls to 1. This cannot be undone.",
        )
        .await;
    browser.click("#device-1 .keep button").await;
    assert_eq!(browser.run("return document.querySelector('#device-1 .erase').open").await, false);
    browser.click("#device-1 .erase summary").await;
    browser.click("#device-1 .danger").await;
    browser.wait_for_text(".done", "Erased, with all its beats.").await;
    assert_eq!(browser.run("return document.querySelectorAll('.list > li').length").await, 1);
    assert_eq!(server.stranger().stats().await["total_beats"], 1);
    assert_eq!(browser.console().await, Vec::<String>::new());
}

async fn what_strangers_see_is_chosen_at_first(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database).await;
    sign_in(&browser, &server).await;
    browser.wait_for_text("#who-can-see-what", "First: how exact may strangers see your days?").await;
    // The time zone stays private unless the owner wants it.
    let timezone = "return document.querySelector('#timezone').value";
    assert_eq!(browser.run(timezone).await, "UTC");
    let here = browser.run("return Intl.DateTimeFormat().resolvedOptions().timeZone").await;
    if here == "UTC" {
        assert_eq!(browser.run("return document.querySelector('[data-offers-timezone]').hidden").await, true);
    } else {
        browser.click("[data-offers-timezone]").await;
        assert_eq!(browser.run(timezone).await, here);
    }
    browser.click("[name=precision][value=day]").await;
    browser.click("[name=history][value=owner]").await;
    browser.run("document.querySelector('#timezone').select()").await;
    browser.type_into("#timezone", "Europe/Berlin").await;
    browser.click("[value=settings]").await;
    browser.wait_for_text("#who-can-see-what", "Who can see what").await;
    browser.wait_for_text(".done", "Saved.").await;
    let chosen = "return [...document.querySelectorAll('.visibility :checked')].map((it) => it.value)";
    assert_eq!(browser.run(chosen).await, json!(["day", "owner"]));
    assert_eq!(browser.run(timezone).await, "Europe/Berlin");
}

#[tokio::test]
async fn without_a_script_everything_works_as_well() {
    let database = Database::create().await;
    let server = server(&database).await;
    let browser = Browser::start().await;
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    sign_in(&browser, &server).await;
    browser.type_into("#new-name", "Phone").await;
    browser.click(".add button").await;
    browser.wait_for_text("h1", "Connect Phone").await;
    let phone = server.stranger().authorized(&browser.text("#token").await);
    phone.beat().await;
    browser.click(".progress a").await;
    browser.wait_for_text(".progress", "First beat arrived.").await;
    browser.click(".back a").await;
    open_changes(&browser, 0).await;
    browser.click("#device-0 .erase summary").await;
    browser.click("#device-0 .keep button").await;
    browser.wait_for_text("#device-0", "1 beat").await;
    open_changes(&browser, 0).await;
    browser.click("#device-0 .erase summary").await;
    browser.click("#device-0 .danger").await;
    browser.wait_for_text(".done", "Erased, with all its beats.").await;
}

/// Devices of all sorts.
async fn with_devices(database: &Database) -> Server {
    let server = server(database).await;
    for name in
        ["Laptop", "Pixel 9", "Laptop", "<img src=x onerror=alert(1)>\"'&", &"W".repeat(100), "Old tablet"]
    {
        server.device(name).await;
    }
    database
        .execute(
            "UPDATE heartbeat.devices SET num_beats = 184233, last_beat = now() - interval '42 s' WHERE id = 0;
             UPDATE heartbeat.devices SET num_beats = 81234, last_beat = now() - interval '5 h' WHERE id = 1;
             UPDATE heartbeat.devices SET visibility = 'hidden', num_beats = 7, last_beat = now() - interval '9 d' WHERE id = 2;
             UPDATE heartbeat.devices SET sign_of_life = false WHERE id = 3;
             UPDATE heartbeat.devices SET archived_at = now() WHERE id = 5;
             INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload, queued_at)
             SELECT 'config:discord', 'beat', now(), '{}', now() - interval '3 min' FROM generate_series(1, 12);
             INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload, dead_at)
             VALUES ('config:discord', 'device.added', now() - interval '2 d', '{}', now())",
        )
        .await;
    server
}

/// Prepares a page for its picture.
async fn prepare(browser: &Browser, server: &Server, page: &str) {
    browser.open(&url(server, "/manage")).await;
    match page {
        "changes" => {
            open_changes(browser, 0).await;
            browser.click("#device-0 .erase summary").await;
            browser.click(".help summary").await;
        }
        "connect" => {
            open_changes(browser, 1).await;
            browser.click("#device-1 [value=pair]").await;
            browser.wait_for_text("h1", "Connect").await;
        }
        "token" => {
            open_changes(browser, 1).await;
            browser.click("#device-1 [value=token]").await;
            browser.wait_for_text("h1", "Connect").await;
        }
        _ => {}
    }
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
        for page in ["sign-in", "overview", "changes", "connect", "token"] {
            if page == "overview" {
                sign_in(&browser, &server).await;
            }
            prepare(&browser, &server, page).await;
            for (width, height) in VIEWPORTS {
                browser.resize(width, height).await;
                let overflow = browser
                    .run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
                    .await;
                browser.save_screenshot(&format!("manage-{page}-{scheme}-{width}x{height}")).await;
                assert_eq!(overflow, 0, "{page} is wider than {width}");
                assert_eq!(violations(&browser, &axe).await, Vec::<String>::new(), "{page} at {width}");
            }
        }
        browser.click(".back a").await;
        browser.click(".top button").await;
        browser.wait_for_text("h1", "Sign in").await;
    }
    assert_eq!(browser.console().await, Vec::<String>::new());
}

/// Number of elements that can be reached with the keyboard, which are all that a pointer can use.
#[tokio::test]
async fn everything_can_be_reached_with_the_keyboard() {
    let database = Database::create().await;
    let server = with_devices(&database).await;
    let browser = Browser::start().await;
    sign_in(&browser, &server).await;
    prepare(&browser, &server, "changes").await;
    let unreachable = browser
        .run(
            "return [...document.querySelectorAll('main :is(a, button, input, summary)')]
                .filter((it) => it.checkVisibility() && it.type !== 'hidden' && it.tabIndex < 0).map((it) => it.outerHTML)",
        )
        .await;
    assert_eq!(unreachable, Value::Array(Vec::new()));
}
