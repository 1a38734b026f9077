//! Request bodies. Their maximum size is that of the route, or else that of all routes.

use std::time::Duration;

use axum::{
    extract::{FromRequest, Request, rejection::BytesRejection},
    http::StatusCode,
    response::IntoResponse,
};
use bytes::Bytes;
use tokio::time::timeout;

use super::problem::Problem;
use crate::App;

/// Timeout for receiving a request body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A request body that arrived completely, and before the timeout.
pub(crate) struct Body(pub(crate) Bytes);

impl FromRequest<App> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let body = timeout(BODY_TIMEOUT, Bytes::from_request(request, app)).await;
        body.map_err(|_| Problem::RequestTimeout)?.map(Self).map_err(body_problem)
    }
}

fn body_problem(rejection: BytesRejection) -> Problem {
    match rejection.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::PayloadTooLarge,
        _ => Problem::BadRequest("The body ended before it was complete.".to_owned()),
    }
}
