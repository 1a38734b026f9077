//! `GET /assets/{file}`: the style sheet, the script, the icons. And `/favicon.ico`, where programs look
//! that read no HTML.

use axum::{
    Router,
    extract::{Path, RawQuery},
    http::{
        HeaderMap, HeaderValue, Method,
        header::{ACCEPT_ENCODING, CONTENT_ENCODING, VARY},
    },
    response::Response,
    routing::get,
};
use bytes::Bytes;

use super::{asset_files, error};
use crate::{
    App,
    http::{conditional::Representation, html, problem::Problem, route::Route},
};

const PATHS: &[&str] = &["/assets/{file}", "/favicon.ico"];

/// `GET /assets/{file}`
pub const ROUTE: Route =
    Route { name: "assets", paths: PATHS, methods: &[Method::GET], router, needs_database: false };

/// For an asset that was asked for by its version: under that address it never changes.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

fn router(_: &App) -> Router<App> {
    Router::new().route(PATHS[0], get(asset)).route(
        PATHS[1],
        get(async |query, headers| asset(Path("icon-192.png".to_owned()), query, headers).await),
    )
}

async fn asset(
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let asset = asset_files::find(&name).ok_or_else(|| error::page(Problem::NotFound))?;
    let accepted = |encoding: &str| accepts(&headers, encoding);
    let (encoding, body) = match (asset.brotli, asset.gzip) {
        (Some(brotli), _) if accepted("br") => (Some("br"), brotli),
        (_, Some(gzip)) if accepted("gzip") => (Some("gzip"), gzip),
        _ => (None, asset.plain),
    };
    // Each encoding is a representation with a tag of its own (RFC 9110, section 8.8.3.3).
    let version = format!("{}{}", asset.version, encoding.unwrap_or_default());
    let representation = Representation::new(asset.content_type, &version, Bytes::from_static(body));
    let by_version = query.as_deref().and_then(|query| query.strip_prefix("v=")) == Some(asset.version);
    let mut response = representation.answer(&headers, if by_version { FOR_EVER } else { REVALIDATE });
    let headers = response.headers_mut();
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    html::add_security_headers(headers);
    Ok(response)
}

/// Whether a client takes `encoding`: it is named in `Accept-Encoding`, and not with a weight of zero
/// (RFC 9110, section 12.5.3).
fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let lists = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map(str::parse::<f32>);
        named && weight != Some(Ok(0.0))
    })
}
