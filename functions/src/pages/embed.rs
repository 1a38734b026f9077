//! `GET /embed.js`: the script that defines `<heartbeat-status>`, for pages of other sites.

use std::{io::Write as _, sync::Arc};

use askama::Template;
use axum::{
    Router,
    http::{
        HeaderMap, HeaderValue, Method,
        header::{CONTENT_ENCODING, VARY, X_CONTENT_TYPE_OPTIONS},
    },
    response::Response,
    routing::get,
};
use bytes::Bytes;
use flate2::{Compression, Crc, write::GzEncoder};
use url::Url;

use crate::{
    App,
    http::{
        conditional::Representation,
        encoding,
        middleware::CROSS_ORIGIN_RESOURCE_POLICY,
        route::{Audience, Route},
    },
};

const PATH: &str = "/embed.js";

/// `GET /embed.js`
pub const ROUTE: Route = Route {
    name: "embed",
    paths: &[PATH],
    methods: &[Method::GET],
    router,
    audience: Audience::Public,
    needs_database: false,
};

const CONTENT_TYPE: &str = "text/javascript; charset=utf-8";

/// `Cache-Control`. The URL stands in pages of other sites, so it has no version: a new one arrives within an hour.
const AN_HOUR: HeaderValue = HeaderValue::from_static("public, max-age=3600");

#[derive(Template)]
#[template(path = "embed.js", escape = "none")]
struct Source<'a> {
    /// URL of the stream as JSON; an empty text where it has the usual path.
    stream: &'a str,
}

/// The script, uncompressed and compressed.
#[derive(Debug)]
struct Script {
    plain: Representation,
    gzip: Representation,
}

fn router(app: &App) -> Router<App> {
    let script = Arc::new(Script::new(app.config.ws_url.as_ref()));
    Router::new().route(PATH, get(async move |headers: HeaderMap| script.respond(&headers)))
}

impl Script {
    /// Makes the script of a server whose stream has this URL, or the usual path.
    fn new(stream: Option<&Url>) -> Self {
        let stream = serde_json::to_string(stream.map_or("", Url::as_str)).expect("text is JSON");
        let source = Source { stream: &stream }.render().expect("memory");
        let script = without_comments(&source);
        let mut checksum = Crc::new();
        checksum.update(script.as_bytes());
        let version = format!("{:08x}{}", checksum.sum(), checksum.amount());
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(script.as_bytes()).expect("memory");
        let compressed = encoder.finish().expect("memory");
        Self {
            // Each encoding is a representation with its own `ETag` (RFC 9110, section 8.8.3.3).
            gzip: Representation::new(CONTENT_TYPE, &format!("{version}gzip"), compressed.into()),
            plain: Representation::new(CONTENT_TYPE, &version, Bytes::from(script)),
        }
    }

    /// Returns the response to a request with these headers.
    fn respond(&self, request: &HeaderMap) -> Response {
        let encoding = encoding::negotiate(request, &["gzip"]);
        let representation = if encoding.is_some() { &self.gzip } else { &self.plain };
        let mut response = representation.respond(request, AN_HOUR);
        let headers = response.headers_mut();
        headers.extend(encoding.map(|encoding| (CONTENT_ENCODING, HeaderValue::from_static(encoding))));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
        response
    }
}

/// Returns a script without what only its readers need: lines of comments, and indentation.
fn without_comments(source: &str) -> String {
    let lines = source.lines().map(str::trim_start);
    let code = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
    code.flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Size that pages pay for it: four kilobytes.
    const MAX_BYTES: usize = 4_000;

    #[test]
    fn it_takes_less_than_four_kilobytes_and_knows_the_stream() {
        let stream = "wss://abcdefghij.execute-api.ap-northeast-1.amazonaws.com/live";
        let script = Script::new(Some(&Url::parse(stream).expect("a URL")));
        let text = str::from_utf8(&script.plain.body).expect("text");
        assert!(text.ends_with(&format!("\n}})(document.currentScript?.src, \"{stream}\");\n")), "{text}");
        assert!(script.gzip.body.len() < MAX_BYTES, "{} bytes", script.gzip.body.len());
    }

    #[test]
    fn comments_and_indentation_are_not_sent() {
        let source = "// Why.\nconst url = \"https://a\"; // no\n\n  // Why.\n  call();\n";
        assert_eq!(without_comments(source), "const url = \"https://a\"; // no\ncall();\n");
    }
}
