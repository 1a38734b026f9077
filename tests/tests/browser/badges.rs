//! `/badges`: the badge builder.

use heartbeat_tests::{Browser, Database, eventually};
use serde_json::json;

use crate::{server, url};

/// Value of a form field.
async fn value(browser: &Browser, id: &str) -> String {
    let value = browser.run(&format!("return document.getElementById('{id}').value")).await;
    value.as_str().expect("text").to_owned()
}

#[tokio::test]
async fn a_badge_is_configured_previewed_and_copied() {
    let database = Database::create().await;
    let server = server(&database).await;
    server.device("<img src=x onerror=alert(1)>\"'&").await;
    let browser = Browser::start().await;
    browser.open(&url(&server, "/badges")).await;
    let live = url(&server, "");
    assert_eq!(
        value(&browser, "markdown").await,
        format!("[![last online]({live}/badge/last-seen)]({live}/)")
    );

    browser.click("[name=badge] option[value='total-beats']").await;
    browser.click("[name=device] option[value='0']").await;
    browser.click("[name=style] option[value='for-the-badge']").await;
    browser.click("[name=format] option[value='.png']").await;
    browser.click("[name=logo] option[value='none']").await;
    browser.type_into("[name=label]", "a]\"&").await;
    browser.type_into("[name=color]", "rebeccapurple").await;
    let path =
        "/badge/total-beats.png?device=0&style=for-the-badge&label=a%5D%22%26&color=rebeccapurple&logo=none";
    eventually("the URL", async || value(&browser, "url").await == format!("{live}{path}")).await;
    assert_eq!(value(&browser, "markdown").await, format!("[![a\\]\"&]({live}{path})]({live}/)"));
    let escaped = path.replace('&', "&amp;");
    assert_eq!(
        value(&browser, "html").await,
        format!("<a href=\"{live}/\"><img src=\"{live}{escaped}\" alt=\"a]&quot;&amp;\"></a>")
    );
    let height = "const it = document.querySelector('.preview img'); return it.complete && it.naturalHeight";
    eventually("the image", async || browser.run(height).await == 28).await;

    browser
        .devtools(
            "Browser.grantPermissions",
            json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] }),
        )
        .await;
    browser.click("[data-copy=url]").await;
    browser.wait_for_text("[data-copy=url]", "Copied").await;
    let copied = browser
        .run_async("const done = arguments[arguments.length - 1]; navigator.clipboard.readText().then(done, (e) => done(String(e)))")
        .await;
    assert_eq!(copied, format!("{live}{path}"));
    assert_eq!(browser.console().await, Vec::<String>::new());
}

#[tokio::test]
async fn without_a_script_the_form_comes_back_with_the_badge() {
    let database = Database::create().await;
    let server = server(&database).await;
    let browser = Browser::start().await;
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    browser.open(&url(&server, "/badges")).await;
    browser.click("[name=style] option[value='plastic']").await;
    browser.type_into("[name=label]", "beats & more").await;
    browser.click("[name=badge] option[value='total-beats']").await;
    browser.click("[type=submit]").await;
    let path = "/badge/total-beats?style=plastic&label=beats+%26+more";
    eventually("the URL", async || value(&browser, "url").await == url(&server, path)).await;
    let height = browser.run("return document.querySelector('.preview img').naturalHeight").await;
    assert_eq!(height, 18);
}
