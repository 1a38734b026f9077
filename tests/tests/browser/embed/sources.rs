//! Elements whose server or device is set later, sooner than the script is there, or anew.

use heartbeat_tests::{Browser, Database};
use serde_json::json;

use super::{site, site_with, text, wait_for_text, wait_for_viewers, with_devices};
use crate::server;

in_both_browsers!(
    a_server_that_is_set_later_takes_effect,
    what_was_set_before_the_script_was_there_takes_effect,
    another_server_is_never_shown_with_the_stats_of_the_one_before,
);

async fn a_server_that_is_set_later_takes_effect(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database).await;
    with_devices(&server, &database).await;
    browser.open(&site(&server, "<heartbeat-status id=first></heartbeat-status>").await).await;
    wait_for_text(&browser, "#first", "Last seen 3 hours ago, on Laptop").await;
    let without = "const element = document.createElement('heartbeat-status'); element.id = 'later';
        element.append('My heartbeat'); element.src = 'http://'; document.body.append(element)";
    browser.run(without).await;
    assert_eq!(text(&browser, "#later").await, "My heartbeat");
    browser.run("document.querySelector('#later').device = 'Phone'").await;
    assert_eq!(text(&browser, "#later").await, "My heartbeat");
    let later = "document.querySelector('#later').src = document.querySelector('#first').getAttribute('src')";
    browser.run(later).await;
    wait_for_text(&browser, "#later", "Last seen 3 days ago, on Phone").await;
    wait_for_viewers(&server, 1).await;
    assert_eq!(browser.console().await, Vec::<String>::new());
}

async fn what_was_set_before_the_script_was_there_takes_effect(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database).await;
    with_devices(&server, &database).await;
    let host = format!("127.0.0.1:{}", server.port());
    let policy = format!("script-src http://{host} 'unsafe-inline'; connect-src http://{host} ws://{host}");
    let elements = "<heartbeat-status>My heartbeat</heartbeat-status>
        <script>
            const element = document.querySelector('heartbeat-status');
            element.device = 'Phone';
            element.src = element.getAttribute('src');
        </script>";
    browser.open(&site_with(&policy, &host, elements.to_owned()).await).await;
    wait_for_text(&browser, "heartbeat-status", "Last seen 3 days ago, on Phone").await;
    browser.run("document.querySelector('heartbeat-status').device = 'Laptop'").await;
    wait_for_text(&browser, "heartbeat-status", "Last seen 3 hours ago, on Laptop").await;
    wait_for_viewers(&server, 1).await;
    assert_eq!(browser.console().await, Vec::<String>::new());
    browser.run("document.querySelector('heartbeat-status').src = 'http://127.0.0.1:1/'").await;
    wait_for_viewers(&server, 0).await;
}

async fn another_server_is_never_shown_with_the_stats_of_the_one_before(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database).await;
    with_devices(&server, &database).await;
    browser.open(&site(&server, "<heartbeat-status>My heartbeat</heartbeat-status>").await).await;
    wait_for_text(&browser, "heartbeat-status", "Last seen 3 hours ago, on Laptop").await;
    let recency = "return document.querySelector('heartbeat-status').getAttribute('recency')";
    assert_eq!(browser.run(recency).await, "today");
    browser.run("document.querySelector('heartbeat-status').src = 'http://127.0.0.1:1/'").await;
    assert_eq!(text(&browser, "heartbeat-status").await, "My heartbeat");
    assert_eq!(browser.run(recency).await, json!(null));
    wait_for_text(&browser, "heartbeat-status", "My heartbeat (not connected)").await;
    assert_eq!(text(&browser, "heartbeat-status").await, "My heartbeat (not connected)");
}
