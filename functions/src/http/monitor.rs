//! Authentication of programs that read the metrics.

use axum::{extract::FromRequestParts, http::request::Parts};

use super::{
    auth::{Owner, authorization, credentials},
    client_ip::ClientIp,
    problem::Problem,
};
use crate::App;

/// Proof that the request carries the configured `metrics_token`, or is the owner's.
#[derive(Debug)]
pub(crate) struct Monitor;

impl FromRequestParts<App> for Monitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Some(token) = &app.config.metrics_token else {
            return Owner::from_request_parts(parts, app).await.map(|_| Self);
        };
        if let Some(presented) = authorization(parts) {
            // Before the comparison, as for the owner's key.
            let client = parts.extensions.get().copied().unwrap_or(ClientIp(None));
            if let Some(delay) = app.rate_limiter.retry_after(client, (app.clock)()) {
                return Err(Problem::too_many_requests(delay));
            }
            if token.matches(credentials(presented)) | token.matches(presented) {
                return Ok(Self);
            }
        }
        if app.config.secret_key.is_none() {
            return Err(Problem::Unauthorized);
        }
        Owner::from_request_parts(parts, app).await.map(|_| Self)
    }
}
