//! `POST /api/ok`: the owner is well.

use axum::{
    Router,
    extract::State,
    http::{Method, StatusCode},
    routing::post,
};

use crate::{
    App,
    http::{
        auth::Owner,
        error_responses::ErrorResponse,
        problem::{Details, PROBLEM_JSON, Problem},
        route::{Audience, Route},
    },
};

const PATH: &str = "/api/ok";

/// `POST /api/ok`
pub const ROUTE: Route = Route {
    name: "ok",
    paths: &[PATH],
    methods: &[Method::POST],
    router,
    audience: Audience::Owner,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, post(record))
}

/// Say that the owner is well
///
/// It is no beat, and not public. A body is ignored.
#[utoipa::path(
    post,
    path = PATH,
    operation_id = "ok",
    tag = "owner",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    responses(
        (status = 204, description = "It is recorded."),
        ErrorResponse<401>,
        ErrorResponse<403>,
        (status = 404, description = "The server has no secret key, so it has no owner.",
            body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn record(_: Owner, State(app): State<App>) -> Result<StatusCode, Problem> {
    app.heartbeat.record_ok().await?;
    Ok(StatusCode::NO_CONTENT)
}
