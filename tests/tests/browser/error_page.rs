//! Error pages.

use heartbeat_tests::{Browser, Database};

use crate::{server, url};

in_both_browsers!(a_page_that_does_not_exist_says_so_and_leads_home);

async fn a_page_that_does_not_exist_says_so_and_leads_home(browser: Browser) {
    let database = Database::create().await;
    let server = server(&database).await;
    browser.open(&url(&server, "/nothing")).await;
    browser.wait_for_text("main", "There is nothing at this address").await;
    // The style sheet has arrived: links have the color of the text around them.
    let styled = "return getComputedStyle(document.querySelector('main a')).color === getComputedStyle(document.body).color";
    assert_eq!(browser.run(styled).await, true);
    browser.click("main a[href='/']").await;
    browser.wait_for_text("h1", "Ada's heartbeat").await;
}
