//! Absolute links of functions, where `live_url` is not configured.

use heartbeat_tests::{Database, Function};
use serde_json::{Value, json};

/// Pages by the name of their function and their path.
const PAGES: [(&str, &str); 4] =
    [("home", "/"), ("stats_page", "/stats"), ("badge_builder", "/badges"), ("privacy", "/privacy")];

/// Requests a page through a domain name of API Gateway; returns the body. Headers name another host, as a stranger's may.
async fn request(function: &Function, method: &str, path: &str, domain: &str) -> String {
    let mut event: Value = serde_json::from_str(include_str!("../../events/http_v2.json")).expect("an event");
    event["rawPath"] = json!(path);
    let context = &mut event["requestContext"];
    context["domainName"] = json!(domain);
    context["http"]["path"] = json!(path);
    context["http"]["method"] = json!(method);
    for header in ["host", "x-forwarded-host", "x-original-host"] {
        event["headers"][header] = json!("forged.example");
    }
    event["headers"]["forwarded"] = json!("host=forged.example;proto=https");
    let response = function.invoke(event).await.expect("a response, not an error");
    assert_eq!(response["statusCode"], 200, "{response}");
    response["body"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn links_lead_to_where_each_request_came_through() {
    let database = Database::create().await;
    for (name, path) in PAGES {
        let function = Function::start(name, &database, &[("HEARTBEAT_LIVE_URL", "")]).await;
        for (domain, other) in [("one.example", "two.example"), ("two.example", "one.example")].repeat(3) {
            // The page is kept for a second, since this is no visit.
            request(&function, "HEAD", path, other).await;
            let html = request(&function, "GET", path, domain).await;
            for link in [format!("https://{domain}{path}"), format!("https://{domain}/og.png")] {
                assert!(html.contains(&link), "{link}: {html}");
            }
            for wrong in [other, "forged.example", "127.0.0.1"] {
                assert!(!html.contains(wrong), "{wrong}: {html}");
            }
        }
    }
}

#[tokio::test]
async fn snippets_lead_there_as_well() {
    let database = Database::create().await;
    let function = Function::start("badge_builder", &database, &[]).await;
    let html = request(&function, "GET", "/badges", "one.example").await;
    assert!(
        html.contains("[![last online](https://one.example/badge/last-seen)](https://one.example/)"),
        "{html}"
    );
}

#[tokio::test]
async fn a_configured_live_url_wins() {
    let database = Database::create().await;
    for (name, path) in PAGES {
        let live_url = ("HEARTBEAT_LIVE_URL", "https://beat.example.org");
        let function = Function::start(name, &database, &[live_url]).await;
        let html = request(&function, "GET", path, "one.example").await;
        assert!(html.contains(&format!("https://beat.example.org{path}")), "{html}");
        assert!(!html.contains("one.example"), "{html}");
    }
}
