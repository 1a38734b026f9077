//! Answers that a client need not be sent again: `ETag`, `If-None-Match`, 304 (RFC 9110, section 13).

use axum::{
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use headers::{ETag, HeaderMapExt, IfNoneMatch};

/// Tells clients, and the proxies that sites put before image_cache, to ask again each time.
#[cfg(feature = "badges")]
pub(crate) const REVALIDATE_ALWAYS: HeaderValue =
    HeaderValue::from_static("no-cache, max-age=0, must-revalidate");

/// Something to send, and how to tell whether a client has it.
#[derive(Debug, Clone)]
pub(crate) struct Representation {
    pub(crate) content_type: &'static str,
    /// The `ETag`.
    tag: HeaderValue,
    pub(crate) body: Bytes,
}

impl Representation {
    /// Something whose `version`, of digits and letters, changes with its content.
    pub(crate) fn new(content_type: &'static str, version: &str, body: Bytes) -> Self {
        let tag = HeaderValue::try_from(format!("\"{version}\"")).expect("digits and letters");
        Self { content_type, tag, body }
    }

    /// The answer to a request with these headers: all of it, or 304 if the client has it.
    pub(crate) fn answer(&self, request: &HeaderMap, cache_control: HeaderValue) -> Response {
        let mut response = if request.contains_key(IF_NONE_MATCH) && self.is_known_to(request) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(CONTENT_TYPE, self.content_type)], self.body.clone()).into_response()
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, self.tag.clone());
        headers.insert(CACHE_CONTROL, cache_control);
        response
    }

    fn is_known_to(&self, request: &HeaderMap) -> bool {
        let tag: Option<ETag> = self.tag.to_str().ok().and_then(|tag| tag.parse().ok());
        let condition: Option<IfNoneMatch> = request.typed_get();
        tag.zip(condition).is_some_and(|(tag, condition)| !condition.precondition_passes(&tag))
    }
}
