//! `GET /assets/{file}`: the style sheet, the script, the icons. Also `/favicon.ico`, for programs that read no HTML.

use axum::{
    Router,
    extract::{Path, RawQuery, rejection::PathRejection},
    http::{
        HeaderMap, HeaderValue, Method,
        header::{CONTENT_ENCODING, VARY},
    },
    response::Response,
    routing::get,
};
use bytes::Bytes;

use super::{asset_files, error};
use crate::{
    App,
    http::{
        conditional::Representation,
        encoding, html,
        problem::Problem,
        route::{Audience, Route},
    },
};

const PATHS: &[&str] = &["/assets/{file}", "/favicon.ico"];

/// `GET /assets/{file}`
pub const ROUTE: Route = Route {
    name: "assets",
    paths: PATHS,
    methods: &[Method::GET],
    router,
    audience: Audience::Public,
    needs_database: false,
};

/// `Cache-Control` for a URL with the version of the asset, whose content never changes.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// `Cache-Control` for a URL without the version of the asset.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

fn router(_: &App) -> Router<App> {
    Router::new().route(PATHS[0], get(asset)).route(
        PATHS[1],
        get(async |query, headers| asset(Ok(Path("icon-192.png".to_owned())), query, headers).await),
    )
}

async fn asset(
    name: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Response> {
    // A name that is no text is the name of nothing.
    let asset = name.ok().and_then(|Path(name)| asset_files::find(&name));
    let asset = asset.ok_or_else(|| error::page(Problem::NotFound))?;
    let (encoding, body) = match (encoding::negotiate(&headers, &["br", "gzip"]), asset.brotli, asset.gzip) {
        (Some("br"), Some(brotli), _) => (Some("br"), brotli),
        (Some("gzip"), _, Some(gzip)) => (Some("gzip"), gzip),
        _ => (None, asset.plain),
    };
    // Each encoding is a representation with its own `ETag` (RFC 9110, section 8.8.3.3).
    let version = format!("{}{}", asset.version, encoding.unwrap_or_default());
    let representation = Representation::new(asset.content_type, &version, Bytes::from_static(body));
    let has_version = query.as_deref().and_then(|query| query.strip_prefix("v=")) == Some(asset.version);
    let mut response = representation.respond(&headers, if has_version { IMMUTABLE } else { REVALIDATE });
    let headers = response.headers_mut();
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    html::add_security_headers(headers);
    Ok(response)
}
