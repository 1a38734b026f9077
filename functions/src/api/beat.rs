//! `POST /api/beat`: a device says that it is in use.

use axum::{Router, extract::State, http::Method, routing::post};

use crate::{
    App,
    app::Now,
    http::{auth::DeviceToken, error_responses::Refused, problem::Problem, route::Route},
};

const PATH: &str = "/api/beat";

/// `POST /api/beat`
pub const ROUTE: Route =
    Route { name: "beat", paths: &[PATH], methods: &[Method::POST], router, needs_database: true };

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, post(beat))
}

/// Record a beat
///
/// The device whose token this is says that it is in use. A body is not read.
#[utoipa::path(
    post,
    path = PATH,
    operation_id = "beat",
    tag = "beats",
    security(("deviceToken" = []), ("deviceTokenBare" = [])),
    responses(
        (status = 200, description = "The Unix time, in seconds, at which the beat was recorded: digits.",
            body = String, content_type = "text/plain", example = "1698915320"),
        Refused<401>,
        Refused<405>,
        Refused<429>,
        Refused<503>,
    ),
)]
async fn beat(
    State(app): State<App>,
    DeviceToken(token): DeviceToken,
    Now(now): Now,
) -> Result<String, Problem> {
    app.heartbeat.beat(token, now).await?;
    Ok(now.unix_timestamp().to_string())
}
