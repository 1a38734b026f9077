//! `POST /api/devices/{id}/token/generate`: the owner replaces the token of a device.

use axum::{Router, extract::State, http::Method, response::Response, routing::post};
use heartbeat_core::token::Token;

use super::{DeviceId, RegisteredDevice, device_response};
use crate::{
    App,
    app::Random,
    http::{
        auth::Owner,
        error_responses::ErrorResponse,
        problem::{Details, PROBLEM_JSON, Problem},
        route::{Audience, Route},
    },
};

const PATH: &str = "/api/devices/{id}/token/generate";

/// `POST /api/devices/{id}/token/generate`
pub const ROUTE: Route = Route {
    name: "devices_token_generate",
    paths: &[PATH],
    methods: &[Method::POST],
    router,
    audience: Audience::Owner,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, post(generate))
}

/// Replace the token of a device
///
/// Returns the device with its new token, which is shown this once. The old token is invalid at once. The id that a
/// device had before it was moved in names it, too.
#[utoipa::path(
    post,
    path = PATH,
    operation_id = "replaceToken",
    tag = "devices",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    params(("id" = i64, Path, minimum = 0, description = "Device id.", example = 0)),
    responses(
        (status = 200, description = "The device has a new token.", body = RegisteredDevice<'static>,
            headers(("cache-control" = String, description = "`no-store`: the token is a secret."))),
        (status = 400, description = "The device is archived. Bring it back first.", body = Details<'static>,
            content_type = PROBLEM_JSON),
        ErrorResponse<401>,
        ErrorResponse<403>,
        (status = 404, description = "No device has this id (non-numeric ids included), or the server has no \
            secret key.", body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn generate(
    _: Owner,
    State(app): State<App>,
    Random(mut rng): Random,
    DeviceId(id): DeviceId,
) -> Result<Response, Problem> {
    let token = Token::generate(&mut rng);
    let device = app.heartbeat.replace_token(id, &token).await?;
    Ok(device_response(&device, &token))
}
