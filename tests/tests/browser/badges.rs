//! `/badges`: the builder of badges, pictures and the element.

use heartbeat_tests::{Browser, Database, eventually};
use serde_json::json;

use crate::{
    quality::{tool, violations},
    server, url,
};

in_both_browsers!(
    a_badge_is_configured_previewed_and_copied,
    going_back_reloading_and_sharing_keep_the_fields_and_the_badge,
    a_color_that_is_none_is_named_at_its_field_and_nothing_can_be_copied,
    a_badge_may_have_no_label,
    the_builder_says_that_social_badges_have_fixed_colors,
    an_update_that_fails_is_said_and_the_next_one_works,
    pictures_are_built_for_light_and_dark_pages,
    the_element_is_live_in_its_preview,
);

/// Value of a form field or a snippet.
async fn value(browser: &Browser, id: &str) -> String {
    let value = browser.run(&format!("return document.getElementById('{id}').value")).await;
    value.as_str().expect("text").to_owned()
}

/// Path and query of the badge in the preview, once the browser has drawn it; empty without one.
async fn preview(browser: &Browser) -> String {
    let script = "const it = document.querySelector('.preview img');
        return it?.complete && it.naturalHeight > 0 ? it.getAttribute('src') : ''";
    browser.run(script).await.as_str().expect("text").to_owned()
}

async fn wait_for_preview(browser: &Browser, path: &str) {
    eventually(path, async || preview(browser).await == path).await;
}

async fn a_badge_is_configured_previewed_and_copied(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database).await;
    server.device("<img src=x onerror=alert(1)>\"'&").await;
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
    assert_eq!(
        value(&browser, "markdown").await,
        format!("[![\\<img src=x onerror=alert(1)>\"'\\& a\\]\"\\&]({live}{path})]({live}/)")
    );
    let (escaped, alt) =
        (path.replace('&', "&amp;"), "&lt;img src=x onerror=alert(1)&gt;&quot;'&amp; a]&quot;&amp;");
    assert_eq!(
        value(&browser, "html").await,
        format!("<a href=\"{live}/\"><img src=\"{live}{escaped}\" alt=\"{alt}\"></a>")
    );
    wait_for_preview(&browser, path).await;
    let height = browser.run("return document.querySelector('.preview img').naturalHeight").await;
    assert_eq!(height, 28);

    browser.allow_clipboard().await;
    browser.click("[data-copy=url]").await;
    // A live region, which screen readers announce.
    browser.wait_for_text("output#url-copied", "Copied").await;
    let copied = browser
        .run_async("const done = arguments[arguments.length - 1]; navigator.clipboard.readText().then(done, (e) => done(String(e)))")
        .await;
    assert_eq!(copied, format!("{live}{path}"));
    assert_eq!(browser.console().await, Vec::<String>::new());
}

async fn going_back_reloading_and_sharing_keep_the_fields_and_the_badge(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database).await;
    server.device("Laptop").await;
    browser.open(&url(&server, "/badges")).await;
    browser.click("[name=device] option[value='0']").await;
    browser.click("[name=style] option[value='plastic']").await;
    browser.type_into("[name=label]", "seen").await;
    let path = "/badge/last-seen?device=0&style=plastic&label=seen";
    wait_for_preview(&browser, path).await;
    let keeps = async |way: &str| {
        wait_for_preview(&browser, path).await;
        let fields =
            [value(&browser, "device").await, value(&browser, "style").await, value(&browser, "label").await];
        assert_eq!(fields, ["0", "plastic", "seen"], "{way}");
        assert_eq!(value(&browser, "url").await, url(&server, path), "{way}");
    };

    browser.click("nav a[href='/privacy']").await;
    browser.wait_for_text("h1", "Privacy").await;
    browser.back().await;
    keeps("back").await;
    browser.reload().await;
    keeps("reloaded").await;
    let shared = browser.run("return location.href").await;
    browser.open("about:blank").await;
    browser.open(shared.as_str().expect("a URL")).await;
    keeps("shared").await;
}

async fn a_color_that_is_none_is_named_at_its_field_and_nothing_can_be_copied(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database).await;
    browser.open(&url(&server, "/badges")).await;
    browser.type_into("[name=color]", "notacolor").await;
    browser.wait_for_text("#color-problem", "Not a color").await;
    let field = "const it = document.querySelector('[name=color]');
        return [it.ariaInvalid, it.getAttribute('aria-describedby'), it === document.activeElement]";
    assert_eq!(browser.run(field).await, json!(["true", "color-problem", true]));
    let visible = "return document.querySelector('#snippets').checkVisibility()";
    assert_eq!(browser.run(visible).await, false);
    assert_eq!((preview(&browser).await, value(&browser, "url").await), (String::new(), String::new()));

    browser.run("document.querySelector('[name=color]').select()").await;
    browser.type_into("[name=color]", "#11223380").await;
    wait_for_preview(&browser, "/badge/last-seen?color=%2311223380").await;
    assert_eq!(browser.text("#color-problem").await, "");
    assert_eq!(browser.run(field).await[0], json!(null));
    assert_eq!(browser.run(visible).await, true);
    assert_eq!(value(&browser, "url").await, url(&server, "/badge/last-seen?color=%2311223380"));
}

async fn a_badge_may_have_no_label(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database).await;
    browser.open(&url(&server, "/badges")).await;
    browser.click("[name=noLabel]").await;
    wait_for_preview(&browser, "/badge/last-seen?label=").await;
    assert_eq!(browser.run("return document.querySelector('.preview img').alt").await, "last online");
}

async fn the_builder_says_that_social_badges_have_fixed_colors(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database).await;
    browser.open(&url(&server, "/badges?color=red")).await;
    assert_eq!(browser.text("#fixed-colors").await, "");
    browser.click("[name=style] option[value='social']").await;
    browser.wait_for_text("#fixed-colors", "fixed colors").await;
    wait_for_preview(&browser, "/badge/last-seen?style=social").await;
    browser.click("[name=style] option[value='']").await;
    wait_for_preview(&browser, "/badge/last-seen?color=red").await;
}

async fn an_update_that_fails_is_said_and_the_next_one_works(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database).await;
    browser.open(&url(&server, "/badges")).await;
    browser.run("window.working = window.fetch; window.fetch = () => Promise.reject(new TypeError())").await;
    browser.click("[name=style] option[value='plastic']").await;
    browser.wait_for_text("#update-notice", "Not up to date").await;
    browser.run("window.fetch = window.working").await;
    browser.click("[name=style] option[value='social']").await;
    wait_for_preview(&browser, "/badge/last-seen?style=social").await;
    eventually("no notice", async || browser.text("#update-notice").await.is_empty()).await;
}

async fn pictures_are_built_for_light_and_dark_pages(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database).await;
    server.device("Laptop").await;
    browser.open(&url(&server, "/badges")).await;
    let visible = async |id: &str| {
        browser.run(&format!("return document.getElementById('{id}').checkVisibility()")).await
    };
    assert_eq!((visible("style").await, visible("theme").await), (true.into(), false.into()));
    browser.click("[name=badge] option[value=heatmap]").await;
    wait_for_preview(&browser, "/heatmap.svg").await;
    assert_eq!((visible("style").await, visible("theme").await), (false.into(), true.into()));
    assert_eq!((visible("week_start").await, visible("card-fields").await), (true.into(), false.into()));
    let live = url(&server, "");
    let html = format!(
        "<a href=\"{live}/\"><picture><source media=\"(prefers-color-scheme: dark)\" \
         srcset=\"{live}/heatmap.svg?theme=dark\"><img src=\"{live}/heatmap.svg\" alt=\"days in use\"></picture></a>"
    );
    assert_eq!((value(&browser, "markdown").await, value(&browser, "html").await), (html.clone(), html));
    browser.click("[name=week_start] option[value=sunday]").await;
    browser.click("[name=theme] option[value=dark]").await;
    wait_for_preview(&browser, "/heatmap.svg?theme=dark&week_start=sunday").await;

    browser.click("[name=badge] option[value=card]").await;
    browser.click("[name=device] option[value='0']").await;
    browser.click("[name=bg]").await;
    browser.click("[name=hide][value=beats]").await;
    browser.click("[name=hide][value=timeline]").await;
    let path = "/card.svg?device=0&theme=dark&bg=transparent&hide=timeline,beats";
    wait_for_preview(&browser, path).await;
    assert_eq!(value(&browser, "markdown").await, format!("[![Laptop heartbeat]({live}{path})]({live}/)"));
    browser.reload().await;
    wait_for_preview(&browser, path).await;
    assert_eq!(browser.console().await, Vec::<String>::new());
}

async fn the_element_is_live_in_its_preview(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database).await;
    let laptop = server.device("Laptop").await;
    browser.open(&url(&server, "/badges")).await;
    browser.click("[name=badge] option[value=live]").await;
    browser.click("[name=device] option[value='0']").await;
    let live = url(&server, "");
    let html = format!(
        "<script async src=\"{live}/embed.js\"></script>\n<heartbeat-status src=\"{live}\" device=\"0\"></heartbeat-status>"
    );
    eventually("the snippet", async || value(&browser, "html").await == html).await;
    let visible =
        "return ['markdown', 'url', 'html'].map((id) => document.getElementById(id).checkVisibility())";
    assert_eq!(browser.run(visible).await, json!([false, false, true]));
    laptop.beat().await;
    let recency = "return document.querySelector('.preview heartbeat-status')?.getAttribute('recency')";
    eventually("the beat", async || browser.run(recency).await == "now").await;
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

    browser.click("[name=noLabel]").await;
    browser.click("[type=submit]").await;
    let path = "/badge/total-beats?style=plastic&label=";
    eventually("no label", async || value(&browser, "url").await == url(&server, path)).await;
    browser.click("nav a[href='/privacy']").await;
    browser.wait_for_text("h1", "Privacy").await;
    browser.back().await;
    wait_for_preview(&browser, path).await;
    assert_eq!(
        (value(&browser, "badge").await, value(&browser, "style").await),
        ("total-beats".into(), "plastic".into())
    );
}

#[tokio::test]
async fn hints_and_mistakes_are_accessible_on_every_screen() {
    let database = Database::create().await;
    let server = server(&database).await;
    server.device("Laptop").await;
    server.device("Laptop").await;
    let axe = std::fs::read_to_string(tool("node_modules/axe-core/axe.min.js")).expect("axe");
    let browser = Browser::start().await;
    for (query, name) in [
        ("color=notacolor&labelColor=x&device=1", "mistakes"),
        ("style=social&color=red&noLabel=1", "hints"),
        ("badge=heatmap", "heatmap"),
        ("badge=card&hide=beats", "card"),
        ("badge=live&device=1", "live"),
    ] {
        for scheme in ["light", "dark"] {
            browser.emulate_media(&[("prefers-color-scheme", scheme)]).await;
            browser.open(&url(&server, &format!("/badges?{query}"))).await;
            for (width, height) in [(320, 568), (375, 667), (1280, 800)] {
                browser.resize(width, height).await;
                let overflow = browser
                    .run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
                    .await;
                assert_eq!(overflow, 0, "{name} at {width}");
                browser.save_screenshot(&format!("badges-{name}-{scheme}-{width}")).await;
                assert_eq!(violations(&browser, &axe).await, Vec::<String>::new(), "{name} at {width}");
            }
        }
    }
}
