//! Protection from cross-site requests: whether a page of our own made the browser send one.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, Uri, header::ORIGIN, request::Parts},
};
use url::Url;

use super::{
    cookies::{is_loopback, requested_host},
    live_url::LiveUrl,
    problem::Problem,
};
use crate::App;

/// Says how the page that sends a request relates to us (W3C Fetch Metadata). No script can set it.
pub(crate) const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a request comes from a page of our own. Browsers that do not say so themselves name the origin of the page. One
/// that does neither is refused, as is one that says `Origin: null`.
pub(crate) fn is_own(uri: &Uri, headers: &HeaderMap, live_url: &Url) -> bool {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return site == "same-origin";
    }
    let Some(origin) = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()) else { return false };
    // A proxy may end HTTPS, so the scheme of the request is not known here. Where it is to be HTTPS, a page that came over
    // plain HTTP may be anybody's, unless it came from this machine.
    let requested = requested_host(uri, headers).is_some_and(|host| {
        let may_be_plain = live_url.scheme() == "http" || is_loopback(host);
        let plain = may_be_plain && origin.strip_prefix("http://") == Some(host);
        plain || origin.strip_prefix("https://") == Some(host)
    });
    requested || origin == live_url.origin().ascii_serialization()
}

/// A request of which no browser says that a page of another site made it. Other programs say nothing.
pub(crate) struct NoOtherSite;

impl FromRequestParts<App> for NoOtherSite {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let is_foreign = is_of_another_site(&parts.uri, &parts.headers, LiveUrl::of(parts, app).url());
        if is_foreign { Err(Problem::CrossSite) } else { Ok(Self) }
    }
}

fn is_of_another_site(uri: &Uri, headers: &HeaderMap, live_url: &Url) -> bool {
    let names_page = headers.contains_key(SEC_FETCH_SITE) || headers.contains_key(ORIGIN);
    let by_hand = headers.get(SEC_FETCH_SITE).is_some_and(|site| site == "none");
    names_page && !by_hand && !is_own(uri, headers, live_url)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header::HOST};

    use super::*;

    fn is_own(headers: &[(HeaderName, &'static str)]) -> bool {
        let mut map: HeaderMap =
            headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        map.insert(HOST, HeaderValue::from_static("10.0.0.1:6060"));
        let live_url = "https://beat.example.org/below".parse().expect("a URL");
        super::is_own(&Uri::from_static("/manage"), &map, &live_url)
    }

    #[test]
    fn what_the_browser_says_of_the_page_decides() {
        assert!(is_own(&[(SEC_FETCH_SITE, "same-origin")]));
        for site in ["same-site", "cross-site", "none", "", "Same-Origin", "null"] {
            assert!(!is_own(&[(SEC_FETCH_SITE, site)]), "{site}");
            assert!(!is_own(&[(SEC_FETCH_SITE, site), (ORIGIN, "https://beat.example.org")]), "{site}");
        }
    }

    #[test]
    fn else_the_origin_is_that_of_the_request_or_of_the_configuration() {
        for own in ["https://beat.example.org", "https://10.0.0.1:6060"] {
            assert!(is_own(&[(ORIGIN, own)]), "{own}");
        }
        for other in [
            "null",
            "",
            "http://beat.example.org",
            "http://10.0.0.1:6060",
            "https://beat.example.org:8443",
            "https://beat.example.org.evil.example",
            "https://evil.example",
            "http://10.0.0.1",
            "ftp://10.0.0.1:6060",
            "10.0.0.1:6060",
        ] {
            assert!(!is_own(&[(ORIGIN, other)]), "{other}");
        }
    }

    #[test]
    fn a_request_that_says_nothing_is_refused() {
        assert!(!is_own(&[]));
    }
}
