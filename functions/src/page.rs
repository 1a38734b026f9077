//! What all pages have in common: the frame around them, their headers, and that views are counted.

use askama::Template;
use axum::{
    http::{
        HeaderMap, HeaderValue, Method,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
    response::{Html, IntoResponse, Response},
};
use bytes::Bytes;
use heartbeat_core::{Config, freshness::Freshness, stats::Stats, words};
use time::{OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description};
use tower_http::{CompressionLevel, compression::CompressionLayer};
use url::Url;

pub(crate) use crate::assets::address as asset;
use crate::{App, problem::Problem};

/// What a page without any configuration, such as one about an error, may load: what comes with us.
const BASE_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
     manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What the template `base.html` needs to know of a page.
pub(crate) struct Frame<'a> {
    /// Its path, which the navigation marks.
    pub(crate) path: &'static str,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) server_name: &'a str,
    pub(crate) repo: &'a str,
    pub(crate) live_url: &'a Url,
}

impl<'a> Frame<'a> {
    pub(crate) fn new(path: &'static str, title: &str, description: String, config: &'a Config) -> Self {
        let server_name = config.server_name.as_str();
        let title =
            if title.is_empty() { server_name.to_owned() } else { format!("{title} · {server_name}") };
        Self { path, title, description, server_name, repo: config.repo.as_str(), live_url: &config.live_url }
    }

    /// One of our paths as the world finds it, below the address that the owner gave.
    pub(crate) fn absolute(&self, path: &str) -> String {
        format!("{}{path}", self.live_url.as_str().trim_end_matches('/'))
    }
}

/// The pages that the navigation leads to.
#[cfg(feature = "badges")]
pub(crate) const PAGES: &[(&str, &str)] =
    &[("/", "Heartbeat"), ("/stats", "Statistics"), ("/badges", "Badges"), ("/privacy", "Privacy")];
#[cfg(not(feature = "badges"))]
pub(crate) const PAGES: &[(&str, &str)] =
    &[("/", "Heartbeat"), ("/stats", "Statistics"), ("/privacy", "Privacy")];

/// Whether this program draws badges. Templates do not offer what there is not.
pub(crate) const BADGES: bool = cfg!(feature = "badges");

/// The answer to the view of a page, which is counted. To ask for its headers alone is no view.
pub(crate) async fn view(app: &App, method: &Method, html: Bytes) -> Response {
    if method == Method::GET {
        app.heartbeat.count_visit().await;
    }
    answer(html, app.page_policy.clone())
}

/// A page that has no use for any configuration, and is not counted.
pub(crate) fn plain(page: &impl Template) -> Response {
    html(page).map_or_else(Problem::into_response, |html| answer(html, HeaderValue::from_static(BASE_POLICY)))
}

/// A page as HTML.
pub(crate) fn html(page: &impl Template) -> Result<Bytes, Problem> {
    page.render().map(Bytes::from).map_err(|_| Problem::Internal)
}

fn answer(html: Bytes, policy: HeaderValue) -> Response {
    let mut response = Html(html).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    protect(headers);
    response
}

/// What our pages may load.
pub(crate) fn policy(config: &Config) -> HeaderValue {
    let policy = format!("{BASE_POLICY}; connect-src 'self' {}", stream_origin(config));
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static(BASE_POLICY))
}

/// Keeps browsers from taking an answer for something else, from showing it inside other sites, and from
/// telling others where their visitors come from.
pub(crate) fn protect(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

/// Sends pages compressed to browsers that ask for it, with the least effort: pages are made anew for
/// each visitor.
pub(crate) fn compression() -> CompressionLayer {
    CompressionLayer::new().quality(CompressionLevel::Fastest)
}

/// Where pages find the stream.
pub(crate) fn stream(config: &Config) -> &str {
    config.ws_url.as_ref().map_or("/api/stats/ws", Url::as_str)
}

/// The stream's place in terms of a Content-Security-Policy. Older browsers do not count WebSockets to
/// the page's own host as `'self'`.
fn stream_origin(config: &Config) -> String {
    let url = config.ws_url.as_ref().unwrap_or(&config.live_url);
    let scheme = if matches!(url.scheme(), "https" | "wss") { "wss" } else { "ws" };
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{scheme}://{host}{port}")
}

/// A point in time, for `<time>`.
pub(crate) struct Moment(OffsetDateTime);

impl Moment {
    /// A Unix time; none if no calendar has it.
    pub(crate) fn at(unix_time: i64) -> Option<Self> {
        OffsetDateTime::from_unix_timestamp(unix_time).ok().map(Self)
    }

    /// For programs (RFC 3339).
    pub(crate) fn datetime(&self) -> String {
        self.0.format(&Rfc3339).unwrap_or_default()
    }

    /// For people who cannot be shown their own time of day.
    pub(crate) fn text(&self) -> String {
        let format =
            format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute]:[second] UTC");
        self.0.format(format).unwrap_or_default()
    }
}

/// One sentence for those who see only the link.
pub(crate) fn summary(stats: &Stats) -> String {
    match stats.last_seen_relative {
        Some(seconds) => {
            format!(
                "Last heartbeat {}. {} beats so far.",
                words::ago(seconds),
                words::grouped(stats.total_beats)
            )
        }
        None => "No heartbeat yet.".to_owned(),
    }
}

/// The name of the step that the age of the last beat is at.
pub(crate) fn freshness(seconds: Option<i64>) -> &'static str {
    Freshness::of(seconds).name()
}
