//! The page `/pair`, to which a pairing code takes a phone.

use heartbeat_tests::{Browser, Database, Server};
use serde_json::json;

use crate::{
    quality::{tool, violations},
    server, url,
};

const ADDRESS: &str = "return location.href";

/// Starts a server with a device. Returns its code as well.
async fn with_code(database: &Database) -> (Server, String) {
    let server = server(database).await;
    let (id, _) = server.owner().register("Ada's <b>phone</b>").await;
    let code = server.owner().pairing_code(id).await;
    (server, code)
}

async fn a_code_in_the_url_becomes_a_token_when_its_owner_says_so(browser: Browser) {
    let database = Database::create().await;
    let (server, code) = with_code(&database).await;
    browser.open(&url(&server, &format!("/pair#{code}"))).await;
    assert_eq!(browser.run("return document.querySelector('#code').value").await, json!(code));
    assert_eq!(
        browser.run(ADDRESS).await,
        json!(url(&server, "/pair")),
        "the code is out of the address bar"
    );
    assert!(browser.text("#computer pre").await.contains(&code));
    assert_eq!(browser.run("return document.querySelector('#by-hand').hidden").await, true);
    // Nothing happens by itself.
    let redeemed = "SELECT count(*) FROM heartbeat.offered_tokens";
    assert_eq!(database.number(redeemed).await, 0);

    browser.click("#pair button").await;
    browser.wait_for_text("#paired-title", "Paired as Ada's <b>phone</b>").await;
    let token = browser.text("#token").await;
    assert_eq!(token.len(), 47, "{token}");
    assert_eq!(database.number(redeemed).await, 1);
    assert_eq!(browser.run("return document.activeElement.id").await, "paired-title");
    assert_eq!(
        browser.run("return document.querySelector('#ios [data-token]').textContent").await,
        json!(token)
    );
    assert_eq!(browser.run("return document.querySelector('#pair').hidden").await, true);
    server.stranger().authorized(&token).beat().await;

    // What is shown once is gone after a reload, and in no storage.
    browser.reload().await;
    assert_eq!(browser.run("return document.body.innerText.includes('hbt_')").await, false);
    let stored = "return [document.cookie, localStorage.length, sessionStorage.length]";
    assert_eq!(browser.run(stored).await, json!(["", 0, 0]));
    assert_eq!(server.stranger().stats().await["num_visits"], 0);
}

async fn a_code_that_does_not_work_says_what_to_do(browser: Browser) {
    let database = Database::create().await;
    let (server, code) = with_code(&database).await;
    browser.open(&url(&server, "/pair")).await;
    browser.type_into("#code", "BCDF GHJK").await;
    browser.click("#pair button").await;
    browser.wait_for_text("#pair-problem", "make a new one").await;
    // Scanned again, with the page still open.
    browser.run(&format!("location.hash = '{code}'")).await;
    heartbeat_tests::eventually("the new code", async || {
        browser.run("return document.querySelector('#code').value").await == json!(code)
    })
    .await;
    browser.click("#pair button").await;
    browser.wait_for_text("#paired-title", "Paired as").await;

    for _ in 0..4 {
        server.stranger().redeem("BCDF-GHJK").await;
    }
    browser.open(&url(&server, "/pair#BCDF-GHJK")).await;
    browser.reload().await;
    browser.type_into("#code", "BCDF-GHJK").await;
    browser.click("#pair button").await;
    browser.wait_for_text("#pair-problem", "Too many codes were wrong. Try again in").await;
}

in_both_browsers!(
    a_code_in_the_url_becomes_a_token_when_its_owner_says_so,
    a_code_that_does_not_work_says_what_to_do,
);

#[tokio::test]
async fn all_states_are_accessible() {
    let database = Database::create().await;
    let (server, code) = with_code(&database).await;
    let axe = std::fs::read_to_string(tool("node_modules/axe-core/axe.min.js")).expect("axe");
    let browser = Browser::start().await;
    browser.resize(360, 640).await;
    for scheme in ["light", "dark"] {
        browser
            .emulate_media(&[("prefers-color-scheme", scheme), ("prefers-reduced-motion", "reduce")])
            .await;
        browser.open(&url(&server, "/")).await;
        browser.open(&url(&server, "/pair#BCDF-GHJK")).await;
        browser.click("#pair button").await;
        browser.wait_for_text("#pair-problem", "make a new one").await;
        browser.save_screenshot(&format!("pair-refused-{scheme}")).await;
        assert_eq!(violations(&browser, &axe).await, Vec::<String>::new(), "{scheme}, refused");
        browser.open(&url(&server, "/")).await;
        browser.open(&url(&server, &format!("/pair#{code}"))).await;
        browser.click("#pair button").await;
        browser.wait_for_text("#paired-title", "Paired as").await;
        browser.run("for (const it of document.querySelectorAll('details')) it.open = true").await;
        let overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(browser.run(overflow).await, 0, "{scheme}");
        browser.save_screenshot(&format!("pair-paired-{scheme}")).await;
        assert_eq!(violations(&browser, &axe).await, Vec::<String>::new(), "{scheme}, paired");
    }
}
