//! Answers that a client need not be sent again: `ETag`, `If-None-Match`, 304 (RFC 9110, section 13).

use axum::{
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use headers::{ETag, HeaderMapExt, IfNoneMatch};

/// Tells clients, and the proxies that sites put before pictures, to ask again each time.
#[cfg(feature = "badges")]
pub(crate) const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache, max-age=0, must-revalidate");

/// Something to send, and how to tell whether a client has it.
#[derive(Debug, Clone)]
pub(crate) struct Representation {
    pub(crate) content_type: &'static str,
    /// Changes with the content: the `ETag` without its quotes.
    pub(crate) version: String,
    pub(crate) body: Bytes,
}

impl Representation {
    /// The answer to a request with these headers: all of it, or 304 if the client has it.
    pub(crate) fn answer(&self, request: &HeaderMap, cache_control: HeaderValue) -> Response {
        let etag: ETag = format!("\"{}\"", self.version).parse().expect("hexadecimal digits");
        let known =
            request.typed_get::<IfNoneMatch>().is_some_and(|condition| !condition.precondition_passes(&etag));
        let mut response = if known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(CONTENT_TYPE, self.content_type)], self.body.clone()).into_response()
        };
        let headers = response.headers_mut();
        headers.typed_insert(etag);
        headers.insert(CACHE_CONTROL, cache_control);
        response
    }
}
