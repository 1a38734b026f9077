//! `/manage/alerts` and `/manage/channels`: the owner sets up who is told.

use heartbeat_core::{
    link::{Link, LinkAction},
    token::{Purpose, SecretKey},
};
use heartbeat_tests::{Browser, Database, Server, server::SECRET_KEY};
use serde_json::{Value, json};

use crate::{
    manage::{VIEWPORTS, sign_in},
    quality::{tool, violations},
    server, url,
};

in_both_browsers!(an_owner_sets_up_the_ladder_and_a_friend_confirms);

/// Path of the link that a friend confirms a channel with.
pub(crate) fn link(action: LinkAction, firing: i64, channel: i64) -> String {
    let key = SecretKey::parse(SECRET_KEY).expect("a key").derive(Purpose::Link);
    format!("/{}/{}", action.path(), Link { action, firing, channel, address_version: 0 }.code(&key))
}

/// Adds a webhook, from the list of channels.
async fn add_webhook(browser: &Browser, name: &str, audience: &str) {
    browser.click(".kinds a[href$='=webhook']").await;
    browser.wait_for_text("h1", "A new channel: Webhook").await;
    browser.type_into("#name", name).await;
    browser.click(&format!("[name=audience][value={audience}]")).await;
    browser.type_into("#setting-url", "http://127.0.0.1:9/hook").await;
    browser.click("[value=save]").await;
    browser.wait_for_text("h1", name).await;
    browser.wait_for_text("#secret", "whsec_").await;
    browser.click(".back a").await;
    browser.wait_for_text("h1", "Channels").await;
}

/// Absences of nine times 50 hours in the last year.
async fn with_past(database: &Database) {
    database
        .execute(
            "INSERT INTO heartbeat.beats (device, time_stamp) VALUES (0, now() - interval '200 d');
             INSERT INTO heartbeat.device_absences
             SELECT 0, since, since + interval '50 h'
             FROM generate_series(now() - interval '190 d', now() - interval '25 d', interval '20 d') AS since;
             INSERT INTO heartbeat.rolled_devices (device, first_beat, last_beat)
             VALUES (0, now() - interval '200 d', now() - interval '42 s')
             ON CONFLICT (device) DO UPDATE SET first_beat = excluded.first_beat, last_beat = excluded.last_beat;
             UPDATE heartbeat.roll_up SET rolled_until = now() - interval '1 min';
             UPDATE heartbeat.devices SET last_beat = now() - interval '42 s', num_beats = 184233",
        )
        .await;
}

async fn an_owner_sets_up_the_ladder_and_a_friend_confirms(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database).await;
    // Nothing listens at the webhooks, which are not to fail meanwhile: another program seems to deliver.
    database
        .execute(
            "INSERT INTO heartbeat.dispatch_leases (channel, holder, held_until)
             VALUES ('channel:1', 'another program', now() + interval '1 hour'),
                    ('channel:2', 'another program', now() + interval '1 hour')",
        )
        .await;
    server.device("Laptop").await.beat().await;
    sign_in(&browser, &server).await;
    browser.click("#alerts ~ p a").await;
    browser.wait_for_text("#first", "First, a channel").await;
    browser.click("#first ~ p a").await;
    add_webhook(&browser, "My phone", "owner").await;
    add_webhook(&browser, "Anna", "friend").await;
    browser.wait_for_text("#channel-2", "Not confirmed yet").await;

    browser.click(".ways a[href='/manage/alerts']").await;
    browser.wait_for_text(".offer", "After 48 hours tell your friends").await;
    browser.click("[value=ladder]").await;
    browser.wait_for_text(".done", "Your alerts are armed.").await;
    browser.wait_for_text("#alert-1", "After 24 hours tell My phone").await;
    browser.wait_for_text("#alert-2", "After 47 hours 30 minutes tell My phone").await;
    browser.wait_for_text("#alert-3", "After 48 hours tell Anna").await;
    browser.wait_for_text(".present", "Next: My phone,").await;
    browser.wait_for_text(".present", "if you stay away.").await;

    // The friend opens the link of the message, without a session of any kind.
    browser.open(&url(&server, &link(LinkAction::Confirm, 0, 2))).await;
    browser.wait_for_text("h1", "Ada's heartbeat wants to tell you something, if need be").await;
    browser.click("main button").await;
    browser.wait_for_text("h1", "Thank you from Ada's heartbeat").await;
    browser.open(&url(&server, "/manage/channels")).await;
    browser.wait_for_text("#channel-2", "Confirmed today").await;

    browser.open(&url(&server, "/manage/alerts")).await;
    browser.click("#alert-3 [value=test]").await;
    browser.wait_for_text(".done", "A test goes to all whom this alert tells").await;
    browser.click("#alert-3 .erase summary").await;
    browser.click("#alert-3 .keep button").await;
    browser.click("#alert-3 .erase summary").await;
    browser.click("#alert-3 .danger").await;
    browser.wait_for_text(".done", "Deleted.").await;
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.alerts").await, 2);
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test]
async fn when_it_would_have_fired_is_said_while_one_types() {
    let database = Database::create().await;
    let server = server(&database).await;
    server.device("Laptop").await.beat().await;
    with_past(&database).await;
    let browser = Browser::start().await;
    sign_in(&browser, &server).await;
    browser.open(&url(&server, "/manage/alerts/new")).await;
    browser.wait_for_text(".would", "It would have fired 9 times since").await;
    browser.wait_for_text(".would", "(away for 2 days 2 hr)").await;
    browser.run("document.querySelector('#after').select()").await;
    browser.type_into("#after", "60h").await;
    browser.wait_for_text(".would", "It would not have fired since").await;
    browser.run("document.querySelector('#after').select()").await;
    browser.type_into("#after", "soon").await;
    browser.wait_for_text(".would", "expected a duration of 10m to 366d").await;
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test]
async fn without_a_script_a_button_says_when_it_would_have_fired() {
    let database = Database::create().await;
    let server = server(&database).await;
    server.device("Laptop").await.beat().await;
    with_past(&database).await;
    let browser = Browser::start().await;
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    sign_in(&browser, &server).await;
    browser.open(&url(&server, "/manage/alerts/new")).await;
    browser.type_into("#message", "Call me").await;
    browser.click("[value=preview]").await;
    browser.wait_for_text(".would", "It would have fired 9 times since").await;
    browser.click("[value=save]").await;
    browser.wait_for_text("#alert-1", "After 48 hours tell nobody").await;
    assert_eq!(database.text("SELECT message FROM heartbeat.alerts").await, "Call me");
}

/// Channels and alerts of all sorts.
async fn with_alerts(database: &Database) -> Server {
    let server = server(database).await;
    server.device("Laptop").await.beat().await;
    with_past(database).await;
    let wide = "W".repeat(100);
    database
        .execute(&format!(
            "INSERT INTO heartbeat.channels (name, kind, audience, settings, events, confirmed_at, start_code) VALUES
                ('My phone', 'discord', 'owner', '{{\"url\": \"http://127.0.0.1:9/a\"}}', '{{absence.ended}}', NULL, NULL),
                ('Anna', 'webhook', 'friend', '{{\"url\": \"http://127.0.0.1:9/b\", \"secret\": \"whsec_AAAA\"}}', '{{}}', now(), NULL),
                ('<img src=x onerror=alert(1)>', 'telegram', 'friend', '{{\"bot_token\": \"1:a\", \"bot_name\": \"ada_bot\"}}', '{{}}', NULL, 'x1y2z3'),
                ('{wide}', 'ntfy', 'friend', '{{\"topic\": \"t\"}}', '{{}}', NULL, NULL);
             INSERT INTO heartbeat.disabled_channels (channel, settings_hash, reason) VALUES ('channel:2', '', 'status 404');
             INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload, dead_at)
             VALUES ('channel:2', 'test', now(), '{{}}', now());
             INSERT INTO heartbeat.alerts (name, after_seconds, channels, enabled, rest, repeat_seconds, message) VALUES
                ('After 24 hours', 86400, '{{1}}', true, NULL, NULL, NULL),
                ('My sister', 172800, '{{2,3}}', true, '23:00-07:00', 43200, 'The neighbors have a key.'),
                ('After 72 hours', 259200, '{{1,2,4}}', true, NULL, NULL, NULL),
                ('Nobody', 864000, '{{}}', false, NULL, NULL, NULL)"
        ))
        .await;
    server
}

#[tokio::test]
async fn the_pages_fit_every_viewport_and_are_accessible() {
    let database = Database::create().await;
    let server = with_alerts(&database).await;
    let axe = std::fs::read_to_string(tool("node_modules/axe-core/axe.min.js")).expect("axe");
    let browser = Browser::start().await;
    sign_in(&browser, &server).await;
    for scheme in ["light", "dark"] {
        browser
            .emulate_media(&[("prefers-color-scheme", scheme), ("prefers-reduced-motion", "reduce")])
            .await;
        for (name, path) in [
            ("overview-alerts", "/manage"),
            ("alerts", "/manage/alerts"),
            ("alert", "/manage/alerts/2"),
            ("channels", "/manage/channels"),
            ("channel", "/manage/channels/2"),
            ("telegram", "/manage/channels/3"),
            ("new-channel", "/manage/channels/new?kind=ntfy"),
        ] {
            browser.open(&url(&server, path)).await;
            if name == "alert" {
                browser.wait_for_text(".would", "would").await;
            }
            for (width, height) in VIEWPORTS {
                browser.resize(width, height).await;
                let overflow = browser
                    .run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
                    .await;
                browser.save_screenshot(&format!("manage-{name}-{scheme}-{width}x{height}")).await;
                assert_eq!(overflow, 0, "{name} is wider than {width}");
                assert_eq!(violations(&browser, &axe).await, Vec::<String>::new(), "{name} at {width}");
            }
        }
    }
    let unreachable = "return [...document.querySelectorAll('main :is(a, button, input, select, summary)')]
        .filter((it) => it.checkVisibility() && it.type !== 'hidden' && it.tabIndex < 0).map((it) => it.outerHTML)";
    assert_eq!(browser.run(unreachable).await, Value::Array(Vec::new()));
    assert_eq!(browser.console().await, Vec::<String>::new());
}
