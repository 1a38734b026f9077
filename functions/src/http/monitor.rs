//! Authentication of programs that read the metrics.

use axum::{
    extract::FromRequestParts,
    http::{header::AUTHORIZATION, request::Parts},
};

use super::{
    auth::{Owner, authorization, client_ip, credentials, wrong_guess},
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
            if let Some(delay) = app.rate_limiter.retry_after(client_ip(parts), (app.clock)()) {
                return Err(Problem::too_many_requests(delay));
            }
            if token.matches(credentials(presented)) | token.matches(presented) {
                return Ok(Self);
            }
        }
        if app.config.secret_key.is_none() {
            let is_guess = parts.headers.contains_key(AUTHORIZATION);
            return Err(if is_guess { wrong_guess(app, client_ip(parts)) } else { Problem::Unauthorized });
        }
        Owner::from_request_parts(parts, app).await.map(|_| Self)
    }
}
