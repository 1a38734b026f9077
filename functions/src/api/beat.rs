//! `POST /api/beat`: a device sends a beat.

use axum::{Extension, Router, extract::State, http::Method, routing::post};

use crate::{
    App,
    http::{
        auth::DeviceToken,
        client_ip::{ClientIp, share_key},
        error_responses::ErrorResponse,
        problem::Problem,
        route::{Audience, Route},
    },
};

const PATH: &str = "/api/beat";

/// `POST /api/beat`
pub const ROUTE: Route = Route {
    name: "beat",
    paths: &[PATH],
    methods: &[Method::POST],
    router,
    audience: Audience::Public,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, post(beat))
}

/// Record a beat
///
/// Send it about once a minute while the device is in use. The token tells which device it is; a body is ignored.
#[utoipa::path(
    post,
    path = PATH,
    operation_id = "beat",
    tag = "beats",
    security(("deviceToken" = []), ("deviceTokenBare" = [])),
    responses(
        (status = 200, description = "Unix time at which the beat was recorded, in digits.",
            body = String, content_type = "text/plain", example = "1698915320"),
        ErrorResponse<401>,
        ErrorResponse<405>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn beat(
    State(app): State<App>,
    Extension(client): Extension<ClientIp>,
    DeviceToken(token): DeviceToken,
) -> Result<String, Problem> {
    let recorded_at = app.heartbeat.beat(token, client.0.map(share_key)).await?;
    Ok(recorded_at.unix_timestamp().to_string())
}
