//! The calls with which API Gateway lets others post to its connections, on a listener of their own:
//! so the functions that push the stream in the cloud can be run and tested without a cloud.
//!
//! Source: "Use @connections commands in your backend service", Amazon API Gateway developer guide,
//! and the API reference of the API Gateway Management API.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State, rejection::BytesRejection, ws::Utf8Bytes},
    http::{HeaderName, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::json;

use super::{LocalStream, registry::Posted};

/// The largest frame that API Gateway takes, in bytes.
const FRAME_MAX_BYTES: usize = 128 * 1024;

/// Tells the SDK which of the documented errors an answer is.
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// The calls, for connections of `stream`.
pub(crate) fn router(stream: Arc<LocalStream>) -> Router {
    Router::new()
        .route("/@connections/{id}", post(post_frame).get(describe).delete(close))
        .layer(DefaultBodyLimit::max(FRAME_MAX_BYTES))
        .with_state(stream)
}

/// `PostToConnection`
async fn post_frame(
    State(stream): State<Arc<LocalStream>>,
    Path(id): Path<String>,
    frame: Result<Bytes, BytesRejection>,
) -> Response {
    let Ok(frame) = frame else { return error(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLargeException") };
    let Ok(frame) = Utf8Bytes::try_from(frame) else {
        return error(StatusCode::BAD_REQUEST, "BadRequestException");
    };
    answer(stream.viewers.post(&id, Posted::Frame(frame)), StatusCode::OK)
}

/// `GetConnection`
async fn describe(State(stream): State<Arc<LocalStream>>, Path(id): Path<String>) -> Response {
    answer(stream.viewers.knows(&id), StatusCode::OK)
}

/// `DeleteConnection`
async fn close(State(stream): State<Arc<LocalStream>>, Path(id): Path<String>) -> Response {
    answer(stream.viewers.post(&id, Posted::Close), StatusCode::NO_CONTENT)
}

fn answer(known: bool, status: StatusCode) -> Response {
    match (known, status) {
        (false, _) => error(StatusCode::GONE, "GoneException"),
        (true, StatusCode::NO_CONTENT) => status.into_response(),
        (true, _) => (status, Json(json!({}))).into_response(),
    }
}

fn error(status: StatusCode, kind: &'static str) -> Response {
    (status, [(ERROR_TYPE, kind)], Json(json!({ "message": kind }))).into_response()
}
