//! API Gateway's management API for WebSocket connections, on a listener of its own: with it, the Lambda
//! functions that push the stream run, and are tested, without AWS.
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

use super::{LocalStream, registry::Command};

/// Maximum size of a frame, as in API Gateway.
const FRAME_MAX_BYTES: usize = 128 * 1024;

/// Header that tells the SDK which of the documented errors a response is.
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// Returns the routes of the management calls, for connections of `stream`.
pub(crate) fn router(stream: Arc<LocalStream>) -> Router {
    Router::new()
        .route("/@connections/{id}", post(post_frame).get(describe).delete(close))
        .layer(DefaultBodyLimit::max(FRAME_MAX_BYTES))
        .with_state(stream)
}

/// Handles `PostToConnection`.
async fn post_frame(
    State(stream): State<Arc<LocalStream>>,
    Path(id): Path<String>,
    frame: Result<Bytes, BytesRejection>,
) -> Response {
    let Ok(frame) = frame else { return error(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLargeException") };
    let Ok(frame) = Utf8Bytes::try_from(frame) else {
        return error(StatusCode::BAD_REQUEST, "BadRequestException");
    };
    respond(stream.viewers.send(&id, Command::Send(frame)), StatusCode::OK)
}

/// Handles `GetConnection`.
async fn describe(State(stream): State<Arc<LocalStream>>, Path(id): Path<String>) -> Response {
    respond(stream.viewers.contains(&id), StatusCode::OK)
}

/// Handles `DeleteConnection`.
async fn close(State(stream): State<Arc<LocalStream>>, Path(id): Path<String>) -> Response {
    respond(stream.viewers.send(&id, Command::Close), StatusCode::NO_CONTENT)
}

fn respond(found: bool, status: StatusCode) -> Response {
    match (found, status) {
        (false, _) => error(StatusCode::GONE, "GoneException"),
        (true, StatusCode::NO_CONTENT) => status.into_response(),
        (true, _) => (status, Json(json!({}))).into_response(),
    }
}

fn error(status: StatusCode, kind: &'static str) -> Response {
    (status, [(ERROR_TYPE, kind)], Json(json!({ "message": kind }))).into_response()
}
