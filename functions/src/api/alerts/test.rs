//! `POST /api/alerts/{id}/test`: the owner tries an alert.

use axum::{
    Router,
    extract::State,
    http::{Method, StatusCode},
    routing::post,
};

use super::AlertId;
use crate::{
    App,
    http::{
        auth::Owner,
        error_responses::ErrorResponse,
        problem::{Details, PROBLEM_JSON, Problem},
        route::{Audience, Route},
    },
};

const PATH: &str = "/api/alerts/{id}/test";

/// `POST /api/alerts/{id}/test`
pub const ROUTE: Route = Route {
    name: "alerts_test",
    paths: &[PATH],
    methods: &[Method::POST],
    router,
    audience: Audience::Owner,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, post(test))
}

/// Fire a test of an alert
///
/// Each of its channels is told, as if it had fired, that this is a test. It walks the whole way, at any hour, within a
/// minute. A body is ignored.
#[utoipa::path(
    post,
    path = PATH,
    operation_id = "testAlert",
    tag = "alerts",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    params(("id" = i64, Path, minimum = 0, description = "Alert id.", example = 1)),
    responses(
        (status = 202, description = "The test fires when alerts are evaluated next."),
        ErrorResponse<401>,
        ErrorResponse<403>,
        (status = 404, description = "No alert has this id (non-numeric ids included), or the server has no \
            secret key.", body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn test(_: Owner, State(app): State<App>, AlertId(id): AlertId) -> Result<StatusCode, Problem> {
    app.heartbeat.test_alert(id).await?;
    Ok(StatusCode::ACCEPTED)
}
