//! `POST /api/channels/{id}/resend`: the owner has dead letters sent again.

use axum::{
    Router,
    extract::State,
    http::{Method, StatusCode},
    routing::post,
};

use super::ChannelId;
use crate::{
    App,
    http::{
        auth::Owner,
        error_responses::ErrorResponse,
        problem::{Details, PROBLEM_JSON, Problem},
        route::{Audience, Route},
    },
};

const PATH: &str = "/api/channels/{id}/resend";

/// `POST /api/channels/{id}/resend`
pub const ROUTE: Route = Route {
    name: "channels_resend",
    paths: &[PATH],
    methods: &[Method::POST],
    router,
    audience: Audience::Owner,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, post(resend))
}

/// Send dead letters again
///
/// Events that could not be sent, and were given up, wait to be sent once more, in their order. A body is ignored.
#[utoipa::path(
    post,
    path = PATH,
    operation_id = "resendChannel",
    tag = "channels",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    params(("id" = i64, Path, minimum = 0, description = "Channel id.", example = 1)),
    responses(
        (status = 202, description = "They wait to be sent."),
        ErrorResponse<401>,
        ErrorResponse<403>,
        (status = 404, description = "No channel has this id (non-numeric ids included), or the server has no \
            secret key.", body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn resend(_: Owner, State(app): State<App>, ChannelId(id): ChannelId) -> Result<StatusCode, Problem> {
    app.heartbeat.resend_events_of_channel(id).await?;
    Ok(StatusCode::ACCEPTED)
}
