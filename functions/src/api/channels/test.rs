//! `POST /api/channels/{id}/test`: the owner tries a channel.

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

const PATH: &str = "/api/channels/{id}/test";

/// `POST /api/channels/{id}/test`
pub const ROUTE: Route = Route {
    name: "channels_test",
    paths: &[PATH],
    methods: &[Method::POST],
    router,
    audience: Audience::Owner,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, post(test))
}

/// Send a test through a channel
///
/// The test says that it is one. It is sent as soon as the channel takes it: the state of the channel says what became of it. A body is ignored.
#[utoipa::path(
    post,
    path = PATH,
    operation_id = "testChannel",
    tag = "channels",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    params(("id" = i64, Path, minimum = 0, description = "Channel id.", example = 1)),
    responses(
        (status = 202, description = "The test waits to be sent."),
        ErrorResponse<401>,
        ErrorResponse<403>,
        (status = 404, description = "No channel has this id (non-numeric ids included), or the server has no \
            secret key.", body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        (status = 409, description = "The chat of the channel is not known yet (Telegram).", body = Details<'static>,
            content_type = PROBLEM_JSON),
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn test(_: Owner, State(app): State<App>, ChannelId(id): ChannelId) -> Result<StatusCode, Problem> {
    app.heartbeat.test_channel(id).await?;
    Ok(StatusCode::ACCEPTED)
}
