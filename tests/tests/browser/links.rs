//! The links in notifications, as the owner and friends see them: on a phone, in a browser that knows nothing of us.

use heartbeat_core::link::LinkAction;
use heartbeat_tests::{Browser, Database};
use serde_json::json;

use crate::{
    alerts::link,
    manage::VIEWPORTS,
    quality::{tool, violations},
    server, url,
};

/// An alert that has told the owner (channel 1) and a friend (channel 2) of an absence that goes on.
const TOLD: &str = "
    INSERT INTO heartbeat.channels (name, kind, audience, settings, events) VALUES
        ('Phone', 'discord', 'owner', '{\"url\": \"http://127.0.0.1:9/a\"}', '{}'),
        ('Anna', 'discord', 'friend', '{\"url\": \"http://127.0.0.1:9/b\"}', '{}');
    INSERT INTO heartbeat.alert_firings (alert, name, since) VALUES (1, 'After 48 hours', now() - interval '49 h');
    INSERT INTO heartbeat.alert_notifications (firing, channel, kind, event) VALUES (1, 1, 'fired', 1), (1, 2, 'fired', 2);
";

#[tokio::test]
async fn a_friend_says_with_one_button_that_they_have_reached_them() {
    let database = Database::create().await;
    let server = server(&database).await;
    database.execute(TOLD).await;
    let browser = Browser::start().await;
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    browser.open(&url(&server, &link(LinkAction::Reached, 1, 2))).await;
    browser.wait_for_text("h1", "Have you reached the person behind Ada's heartbeat?").await;
    assert_eq!(database.number("SELECT count(reached_at) FROM heartbeat.alert_firings").await, 0);
    browser.click("main button").await;
    browser.wait_for_text("h1", "Thank you from Ada's heartbeat").await;
    assert_eq!(database.number("SELECT reached_by FROM heartbeat.alert_firings").await, 2);
    // Loaded again, and the form with it.
    browser.reload().await;
    browser.wait_for_text("h1", "Thank you from Ada's heartbeat").await;
}

#[tokio::test]
async fn the_pages_of_links_fit_every_viewport_and_are_accessible() {
    let database = Database::create().await;
    let server = server(&database).await;
    database.execute(TOLD).await;
    let axe = std::fs::read_to_string(tool("node_modules/axe-core/axe.min.js")).expect("axe");
    let browser = Browser::start().await;
    for scheme in ["light", "dark"] {
        browser.emulate_media(&[("prefers-color-scheme", scheme)]).await;
        for (action, firing, channel) in [
            (LinkAction::Ok, 1, 1),
            (LinkAction::Reached, 1, 2),
            (LinkAction::Confirm, 0, 2),
            (LinkAction::Unsubscribe, 0, 2),
            (LinkAction::Ok, 0, 1),
        ] {
            browser.open(&url(&server, &link(action, firing, channel))).await;
            browser.wait_for_text("h1", "Ada's heartbeat").await;
            let name = if firing == 0 && action == LinkAction::Ok { "test" } else { action.path() };
            for (width, height) in VIEWPORTS {
                browser.resize(width, height).await;
                let overflow = browser
                    .run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
                    .await;
                browser.save_screenshot(&format!("link-{name}-{scheme}-{width}x{height}")).await;
                assert_eq!(overflow, 0, "{name} is wider than {width}");
                assert_eq!(violations(&browser, &axe).await, Vec::<String>::new(), "{name} at {width}");
            }
        }
    }
    assert_eq!(browser.run("return document.cookie + JSON.stringify(localStorage)").await, "{}");
    assert_eq!(browser.console().await, Vec::<String>::new());
}
