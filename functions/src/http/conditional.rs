//! Conditional requests: `ETag`, `If-None-Match` and 304 (RFC 9110, section 13).

use axum::{
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use headers::{ETag, HeaderMapExt, IfNoneMatch};
use sha2::{Digest, Sha256};

/// `Cache-Control` that makes clients revalidate each time, and image proxies such as GitHub's as well.
#[cfg(feature = "badges")]
pub(crate) const REVALIDATE_ALWAYS: HeaderValue =
    HeaderValue::from_static("no-cache, max-age=0, must-revalidate");

/// A body with its content type and its `ETag`.
#[derive(Debug, Clone)]
pub(crate) struct Representation {
    pub(crate) content_type: &'static str,
    etag: HeaderValue,
    pub(crate) body: Bytes,
}

impl Representation {
    /// Creates a representation. Its `version`, of digits and letters, changes with its content.
    pub(crate) fn new(content_type: &'static str, version: &str, body: Bytes) -> Self {
        let etag = HeaderValue::try_from(format!("\"{version}\"")).expect("digits and letters");
        Self { content_type, etag, body }
    }

    /// Creates a representation whose version is made of its body.
    pub(crate) fn of(content_type: &'static str, body: Bytes) -> Self {
        let hash = Sha256::digest(&body);
        let version = hash.iter().take(8).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        Self::new(content_type, &version, body)
    }

    /// Returns the response to a request with these headers: 200 with the body, or 304 if the client has it.
    pub(crate) fn respond(&self, request: &HeaderMap, cache_control: HeaderValue) -> Response {
        let mut response = if request.contains_key(IF_NONE_MATCH) && self.is_fresh(request) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(CONTENT_TYPE, self.content_type)], self.body.clone()).into_response()
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, self.etag.clone());
        headers.insert(CACHE_CONTROL, cache_control);
        response
    }

    /// Whether the client has this representation.
    fn is_fresh(&self, request: &HeaderMap) -> bool {
        let etag: Option<ETag> = self.etag.to_str().ok().and_then(|etag| etag.parse().ok());
        let condition: Option<IfNoneMatch> = request.typed_get();
        etag.zip(condition).is_some_and(|(etag, condition)| !condition.precondition_passes(&etag))
    }
}
