//! `/manage`: the owner's pages.

mod alerts;
mod cross_site;
mod devices;
mod sessions;
mod snooze;

use heartbeat_tests::{Client, Response, Server, client::http, server::SECRET_KEY};
use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use url::form_urlencoded;

/// A browser that follows no redirects: it sends the same headers with each request.
pub(crate) fn browser(server: &Server, headers: &[(&'static str, &str)]) -> Client {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header")))
        .collect();
    Client::with(&server.url(), http().redirect(Policy::none()).default_headers(headers))
}

/// What a form sends.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// Posts the form to sign in, from our own page.
pub(crate) async fn sign_in(server: &Server, key: &str) -> Response {
    let browser = browser(server, &[("sec-fetch-site", "same-origin")]);
    browser.post("/manage", form(&[("do", "sign-in"), ("key", key)])).await
}

/// The first cookie that a response sets: its name and value.
pub(crate) fn cookie(response: &Response) -> String {
    response.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
}

/// A browser that signed in, on our own pages.
pub(crate) async fn owner(server: &Server) -> Client {
    let cookie = cookie(&sign_in(server, SECRET_KEY).await);
    browser(server, &[("sec-fetch-site", "same-origin"), ("cookie", &cookie)])
}

/// Headers that keep an owner's page to the owner.
pub(crate) fn assert_is_private(response: &Response, what: &str) {
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("access-control-allow-origin", ""),
    ] {
        assert_eq!(response.header(name), value, "{what}: {name}");
    }
    let policy = response.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{what}: {policy}");
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"), "{policy}");
    assert!(response.body.contains("<meta name=\"robots\" content=\"noindex\">"), "{what}");
    for inline in ["<style", " style=", "<script>", " onload=", "javascript:", "http-equiv"] {
        assert!(!response.body.contains(inline), "{what} holds {inline}");
    }
}

#[tokio::test]
async fn views_are_no_visits_and_nothing_of_them_is_kept_or_shown_elsewhere() {
    let (server, _database) = Server::fresh().await;
    let owner = owner(&server).await;
    for (browser, what) in [(&server.stranger(), "the form"), (&owner, "the page")] {
        let page = browser.get("/manage").await;
        assert_eq!(page.status, 200, "{page}");
        assert_is_private(&page, what);
    }
    assert_eq!(server.stranger().stats().await["num_visits"], 0);
}

#[tokio::test]
async fn errors_are_kept_in_no_cache_and_shown_to_no_other_site() {
    let (server, _database) = Server::fresh().await;
    let owner = owner(&server).await;
    let unknown_form = owner.post("/manage", "do=anything").await;
    assert_eq!(unknown_form.status, 400, "{unknown_form}");
    let wrong_method = owner.send(Method::PUT, "/manage", Vec::new()).await;
    assert_eq!((wrong_method.status, wrong_method.header("allow")), (405, "GET,HEAD,POST"));
    let too_large = owner.post("/manage", vec![b'x'; 16 * 1024 + 1]).await;
    assert_eq!(too_large.status, 413, "{too_large}");
    for error in [unknown_form, too_large] {
        assert_eq!(error.header("cache-control"), "no-store", "{error}");
        assert_eq!(error.header("access-control-allow-origin"), "", "{error}");
        assert_eq!(error.header("x-frame-options"), "DENY", "{error}");
    }
}

#[tokio::test]
async fn every_page_has_a_quiet_way_there() {
    let (server, _database) = Server::fresh().await;
    for path in ["/", "/stats", "/badges", "/privacy", "/nothing"] {
        let page = server.stranger().get(path).await.body;
        let footer = page.split("<footer>").nth(1).expect("a footer");
        assert!(footer.contains("<a href=\"/manage\">Owner</a>"), "{path}: {footer}");
    }
}
