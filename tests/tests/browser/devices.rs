//! The devices on `/`: their rows, their bars, and their dots on the line.

use heartbeat_tests::{Browser, Database, Server, eventually};
use serde_json::{Value, json};

use crate::{server, url};

/// Names in the rows, in their order.
const ROWS: &str =
    "return [...document.querySelectorAll('.devices li')].map((it) => it.querySelector('.name').innerText)";

/// Names of the dots, in their order.
const DOTS: &str = "return [...document.querySelectorAll('.dots a')].map((it) => it.getAttribute('aria-label').split(',')[0])";

/// Starts a server with four devices, of which the last has no beat.
async fn with_devices(database: &Database) -> Server {
    let server = server(database).await;
    for name in ["Laptop", "Phone", "Desk", "New"] {
        server.device(name).await;
    }
    database
        .execute(
            "UPDATE heartbeat.devices SET num_beats = 9, last_beat = now() - interval '20 s' WHERE id = 0;
             UPDATE heartbeat.devices SET num_beats = 9999999999, last_beat = now() - interval '3 d' WHERE id = 1;
             UPDATE heartbeat.devices SET num_beats = 5000000000, last_beat = now() - interval '5 h' WHERE id = 2",
        )
        .await;
    eventually("stats of the changed rows", async || {
        server.stranger().stats().await["total_beats"] == 15_000_000_008_i64
    })
    .await;
    server
}

#[tokio::test]
async fn an_open_page_drops_renames_and_adds_devices_in_their_order() {
    let database = Database::create().await;
    let server = with_devices(&database).await;
    let browser = Browser::start().await;
    browser.open(&url(&server, "/")).await;
    assert_eq!(browser.run(ROWS).await, json!(["Laptop", "Phone", "Desk", "New"]));
    assert_eq!(browser.run(DOTS).await, json!(["Laptop", "Phone", "Desk"]));
    browser.run("window.kept = document.querySelector('#device-2')").await;

    database
        .execute(
            "DELETE FROM heartbeat.devices WHERE id = 1;
             UPDATE heartbeat.devices SET name = 'Table' WHERE id = 2;
             UPDATE heartbeat.devices SET name = NULL WHERE id = 0",
        )
        .await;
    let shown = json!(["A device without a name", "Table", "New"]);
    eventually("the other rows", async || browser.run(ROWS).await == shown).await;
    assert_eq!(browser.run(DOTS).await, json!(["A device without a name", "Table"]));
    assert_eq!(browser.run("return window.kept === document.querySelector('#device-2')").await, true);

    // Between two that are there already.
    database
        .execute(
            "INSERT INTO heartbeat.devices (id, name, token_hash, num_beats, last_beat)
             VALUES (1, 'Tablet', sha256('t'), 7, now() - interval '1 h')",
        )
        .await;
    let shown = json!(["A device without a name", "Tablet", "Table", "New"]);
    eventually("the new row", async || browser.run(ROWS).await == shown).await;
    assert_eq!(browser.run(DOTS).await, json!(["A device without a name", "Tablet", "Table"]));
    assert_eq!(browser.run("return document.querySelectorAll('[id=device-1]').length").await, 1);

    database.execute("DELETE FROM heartbeat.devices").await;
    eventually("no row", async || browser.run(ROWS).await == json!([])).await;
    assert_eq!(browser.run(DOTS).await, json!([]));
    assert_eq!(browser.run("return document.title").await, "Ada's heartbeat");
    assert!(browser.text(".empty").await.contains("Add a device"));
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test]
async fn ids_that_a_script_cannot_hold_do_not_show_a_device_twice() {
    let database = Database::create().await;
    let server = with_devices(&database).await;
    let browser = Browser::start().await;
    // Frames as a server with ids of 60 bits would send them.
    let large = "window.WebSocket = class extends WebSocket {
        set onmessage(take) { super.onmessage = ({ data }) => { window.frames_ = (window.frames_ ?? 0) + 1;
            take({ data: data.replace('\"id\":1,', '\"id\":912840992904712192,') }); }; }
    };";
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": large })).await;
    browser.open(&url(&server, "/")).await;
    eventually("a frame", async || browser.run("return window.frames_ >= 1").await == true).await;
    database.execute("UPDATE heartbeat.devices SET num_beats = 10 WHERE id = 0").await;
    browser.wait_for_text("#device-0 .count", "10 beats").await;
    assert_eq!(browser.run(ROWS).await, json!(["Laptop", "Phone", "Desk", "New"]));
}

#[tokio::test]
async fn bars_have_one_length_and_one_color_and_dots_the_recency_of_their_device() {
    let database = Database::create().await;
    let server = with_devices(&database).await;
    let browser = Browser::start().await;
    browser.open(&url(&server, "/")).await;
    for width in [320, 375, 768, 1280, 2560] {
        browser.resize(width, 900).await;
        if width < 400 {
            let above = "return [...document.querySelectorAll('.devices li')].every((row) => row.querySelector('.name')
                .getBoundingClientRect().bottom <= row.querySelector('.seen').getBoundingClientRect().top + 1)";
            assert_eq!(browser.run(above).await, true, "names stand above times at {width}");
        }
        let bars = browser
            .run(
                "return [...document.querySelectorAll('.devices li')].map((row) => {
                    const { left, width } = row.querySelector('.share').getBoundingClientRect();
                    return [left, width, getComputedStyle(row.querySelector('.own')).fill];
                })",
            )
            .await;
        let bars = bars.as_array().expect("bars");
        assert_eq!(bars.len(), 4);
        assert!(
            bars.iter().all(|bar| bar == &bars[0] && bar[1].as_f64() > Some(50.0)),
            "at {width}: {bars:?}"
        );
    }
    let colors = "return [...document.querySelectorAll('.seen')].map((it) => getComputedStyle(it, '::before').backgroundColor)";
    // Now, lost, today, never.
    let expected = json!(["rgb(21, 128, 61)", "rgb(185, 28, 28)", "rgb(161, 98, 7)", "rgb(107, 114, 128)"]);
    assert_eq!(browser.run(colors).await, expected);
}

#[tokio::test]
async fn dots_have_a_name_for_keyboard_and_touch_and_lead_to_their_row() {
    let database = Database::create().await;
    let server = with_devices(&database).await;
    database.execute("UPDATE heartbeat.devices SET name = NULL WHERE id = 2").await;
    let browser = Browser::start().await;
    browser.open(&url(&server, "/")).await;
    eventually("the changed name", async || browser.run(DOTS).await[2] == "A device without a name").await;
    let visible =
        "return [...document.querySelectorAll('.dots text')].map((it) => getComputedStyle(it).visibility)";
    assert_eq!(browser.run(visible).await, json!(["hidden", "hidden", "hidden"]));
    browser.run("document.querySelector('.dots a:nth-child(3)').focus()").await;
    assert_eq!(browser.run(visible).await, json!(["hidden", "hidden", "visible"]));
    assert_eq!(
        browser.run("return document.activeElement.getAttribute('aria-label')").await,
        "A device without a name, 5 hours ago"
    );
    browser.save_screenshot("dot-with-name").await;
    browser.click(".dots a:nth-child(2) .target").await;
    assert_eq!(browser.run("return document.querySelector(':target .name').innerText").await, "Phone");
}

#[tokio::test]
async fn the_line_stays_within_the_margins_and_its_labels_apart() {
    let database = Database::create().await;
    let server = with_devices(&database).await;
    let browser = Browser::start().await;
    let boxes = "const edges = (it) => { const { left, right } = it.getBoundingClientRect(); return [left, right]; };
        const labels = [...document.querySelectorAll('.mark text')].filter((it) => getComputedStyle(it).display !== 'none');
        return { labels: labels.map((it) => [...edges(it), it.textContent]), main: edges(document.querySelector('h1')),
            pulse: edges(document.querySelector('.blip path')), baseline: edges(document.querySelector('.baseline')) }";
    for age in ["0 s", "2 h", "8 d"] {
        database
            .execute(&format!(
                "UPDATE heartbeat.devices SET num_beats = num_beats + 1, last_beat = now() - interval '{age}' WHERE last_beat > now() - interval '{age}' OR id = 0"
            ))
            .await;
        let beats = database.number("SELECT sum(num_beats)::bigint FROM heartbeat.devices").await;
        eventually("the age", async || server.stranger().stats().await["total_beats"] == beats).await;
        browser.open(&url(&server, "/")).await;
        for width in [320, 375, 577, 600, 640, 720, 768, 1280, 2560] {
            browser.resize(width, 800).await;
            let boxes = browser.run(boxes).await;
            let edge = |value: &Value| value.as_f64().expect("a number");
            let (left, right) = (edge(&boxes["main"][0]), edge(&boxes["main"][1]));
            let labels = boxes["labels"].as_array().expect("labels");
            for shown in labels.iter().chain([&boxes["pulse"], &boxes["baseline"]]) {
                assert!(
                    edge(&shown[0]) >= left - 1.0 && edge(&shown[1]) <= right + 1.0,
                    "{age} at {width}: {boxes}"
                );
            }
            // From now on the right to a week ago on the left.
            for pair in labels.windows(2) {
                assert!(edge(&pair[0][0]) - edge(&pair[1][1]) >= 4.0, "at {width}: {pair:?}");
            }
            assert_eq!(labels.last().map(|label| &label[2]), Some(&json!("1 week")));
        }
    }
}

#[tokio::test]
async fn ages_count_up_where_the_stream_never_connects() {
    let database = Database::create().await;
    let server = with_devices(&database).await;
    let browser = Browser::start().await;
    let without = json!({ "source": "window.WebSocket = class { close() {} }" });
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", without).await;
    browser.open(&url(&server, "/")).await;
    let age = async || {
        let text = browser.text(".devices li:first-child .seen").await;
        text.split(' ').next().and_then(|number| number.parse::<i64>().ok()).unwrap_or_default()
    };
    let first = age().await;
    assert!(first >= 20, "{first}");
    eventually("a later age", async || age().await >= first + 2).await;
    let hero = browser.text(".age").await;
    assert!(hero.contains("sec ago"), "{hero}");
}

#[tokio::test]
async fn shares_between_two_steps_are_the_same_with_and_without_a_script() {
    let database = Database::create().await;
    let server = server(&database).await;
    for (id, beats) in [1, 3, 396].iter().enumerate() {
        server.device("Laptop").await;
        database
            .execute(&format!(
                "UPDATE heartbeat.devices SET num_beats = {beats}, last_beat = now() WHERE id = {id}"
            ))
            .await;
    }
    eventually("the shares", async || server.stranger().stats().await["total_beats"] == 400).await;
    let page = server.stranger().get("/").await.body;
    let browser = Browser::start().await;
    browser.open(&url(&server, "/")).await;
    eventually("text by the script", async || {
        browser.run("return document.querySelector('.seen time').title !== ''").await == true
    })
    .await;
    for (id, share) in [(0, "0.3%"), (1, "0.8%"), (2, "99.0%")] {
        let counts = page.split("class=\"count\">").nth(id + 1).and_then(|rest| rest.split('<').next());
        assert!(counts.is_some_and(|text| text.ends_with(share)), "{page}");
        assert!(browser.text(&format!("#device-{id} .count")).await.ends_with(share), "{share}");
    }
}

#[tokio::test]
async fn of_many_devices_the_first_hundred_are_shown() {
    let database = Database::create().await;
    let server = server(&database).await;
    database
        .execute(
            "INSERT INTO heartbeat.devices (id, name, token_hash, num_beats, last_beat)
             SELECT id, 'Device ' || id, sha256(id::text::bytea), id + 1, now() - interval '1 min' * (150 - id)
             FROM generate_series(0, 149) AS id",
        )
        .await;
    eventually("the devices", async || server.stranger().stats().await["total_beats"] == 11_325).await;
    let browser = Browser::start().await;
    let shown = "const rows = [...document.querySelectorAll('.devices li bdi')].map((it) => it.innerText);
        return [rows.length, rows[99], document.querySelectorAll('.dots a').length, document.querySelector('.more').innerText,
            document.querySelector('#verdict bdi').innerText]";
    let expected = |number: u32, last: &str| {
        let words = format!("The first 100 of {number} devices. The figures above count all of them.");
        json!([100, "Device 99", 100, words, last])
    };
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    browser.open(&url(&server, "/")).await;
    assert_eq!(browser.run(shown).await, expected(150, "Device 149"));
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": false })).await;
    browser.open(&url(&server, "/")).await;
    assert_eq!(browser.run(shown).await, expected(150, "Device 149"));
    // A frame has all of them, and the page goes on showing the first ones.
    database
        .execute(
            "INSERT INTO heartbeat.devices (id, name, token_hash, num_beats, last_beat)
             VALUES (150, 'Watch', sha256('w'), 1, now())",
        )
        .await;
    eventually("another device", async || browser.run(shown).await == expected(151, "Watch")).await;
    assert_eq!(browser.text("[data-number=total_beats]").await, "11,326");
    for (scheme, width) in [("light", 375), ("light", 1280), ("dark", 375), ("dark", 1280)] {
        browser.emulate_media(&[("prefers-color-scheme", scheme)]).await;
        browser.resize(width, 900).await;
        browser.save_screenshot(&format!("many-devices-{scheme}-{width}")).await;
        let fits = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth";
        assert_eq!(browser.run(fits).await, true, "at {width}");
    }
    database.execute("DELETE FROM heartbeat.devices WHERE id >= 100").await;
    eventually("a page that shows all", async || {
        browser.run("return document.querySelector('.more').checkVisibility()").await == false
    })
    .await;
    assert_eq!(browser.run(ROWS).await.as_array().map(Vec::len), Some(100));
}
