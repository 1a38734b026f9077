//! Rendering templates, and the headers that every HTML response carries.

use askama::Template;
use axum::{
    http::{
        HeaderMap, HeaderValue,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
    response::{Html, IntoResponse, Response},
};
use bytes::Bytes;
use heartbeat_core::Config;

use super::problem::Problem;

/// Content-Security-Policy of a page that needs no configuration, such as an error page: only what comes from
/// this server may load.
pub(crate) const BASE_POLICY: HeaderValue = HeaderValue::from_static(BASE_POLICY_TEXT);

const BASE_POLICY_TEXT: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
     manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Content-Security-Policy of the owner's pages: the base policy, and what their script asks for.
pub(crate) fn owner_policy() -> HeaderValue {
    connecting_to("'self'")
}

/// Content-Security-Policy of the pages: the base policy, and the stream.
pub(crate) fn page_policy(config: &Config) -> HeaderValue {
    connecting_to(&format!("'self' {}", stream_origin(config)))
}

/// Returns the base policy, with the sources that scripts may connect to.
fn connecting_to(connect: &str) -> HeaderValue {
    let policy = format!("{BASE_POLICY_TEXT}; connect-src {connect}");
    HeaderValue::try_from(policy).unwrap_or(BASE_POLICY)
}

/// The stream's origin in terms of a Content-Security-Policy. Older browsers do not count WebSockets to
/// the page's own host as `'self'`.
fn stream_origin(config: &Config) -> String {
    let url = config.ws_url.as_ref().unwrap_or(&config.live_url);
    let scheme = if matches!(url.scheme(), "https" | "wss") { "wss" } else { "ws" };
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{scheme}://{host}{port}")
}

/// Renders a template.
pub(crate) fn render(template: &impl Template) -> Result<Bytes, Problem> {
    template.render().map(Bytes::from).map_err(|_| Problem::Internal)
}

/// Returns an HTML response with its security headers.
pub(crate) fn response(html: Bytes, policy: HeaderValue) -> Response {
    let mut response = Html(html).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    add_security_headers(headers);
    response
}

/// Keeps browsers from sniffing another content type, from framing the response inside other sites, and from
/// telling others where their visitors come from.
pub(crate) fn add_security_headers(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}
