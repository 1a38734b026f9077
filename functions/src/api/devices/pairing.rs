//! `POST /api/devices/{id}/pairing`: the owner makes a code with which another person, or a camera, pairs the device.

use axum::{
    Router,
    extract::State,
    http::{Method, StatusCode, header::CACHE_CONTROL},
    response::{IntoResponse, Response},
    routing::post,
};
use heartbeat_core::{
    pairing::{CodeHash, PairingCode},
    token::Purpose,
};
use serde::Serialize;
use time::{OffsetDateTime, UtcOffset, serde::rfc3339};
use utoipa::ToSchema;

use super::DeviceId;
use crate::{
    App,
    app::{Now, Random},
    http::{
        auth::Owner,
        error_responses::ErrorResponse,
        json::JsonLine,
        problem::{Details, PROBLEM_JSON, Problem},
        route::{Audience, Route},
    },
};

const PATH: &str = "/api/devices/{id}/pairing";

/// `POST /api/devices/{id}/pairing`
pub const ROUTE: Route = Route {
    name: "devices_pairing",
    paths: &[PATH],
    methods: &[Method::POST],
    router,
    audience: Audience::Owner,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, post(start))
}

/// A pairing code.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewPairing {
    /// Code to type on the device. Case, blanks and dashes do not matter.
    #[schema(pattern = "^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$", example = "BCDF-GHJK")]
    code: String,
    /// Time until which it may be redeemed.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-24T15:24:00Z")]
    expires_at: OffsetDateTime,
}

/// Make a pairing code
///
/// Returns a code that `POST /api/pair` redeems for a token of this device, for ten minutes. A former code of the device is
/// void, and so are the tokens that it gave and that did not beat yet. The token that the device has stays valid until a
/// new one beats.
#[utoipa::path(
    post,
    path = PATH,
    operation_id = "startPairing",
    tag = "pairing",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    params(("id" = i64, Path, minimum = 0, description = "Device id.", example = 0)),
    responses(
        (status = 201, description = "The device has a new pairing code.", body = NewPairing,
            headers(("cache-control" = String, description = "`no-store`: the code is a secret."))),
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
async fn start(
    _: Owner,
    State(app): State<App>,
    Now(now): Now,
    Random(mut rng): Random,
    DeviceId(id): DeviceId,
) -> Result<Response, Problem> {
    let code = PairingCode::generate(&mut rng);
    let expires_at = app.heartbeat.start_pairing(id, hash(&app, &code, now).await?).await?;
    let body = NewPairing { code: code.to_string(), expires_at: expires_at.to_offset(UtcOffset::UTC) };
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], JsonLine(body)).into_response())
}

/// Returns the hash of a code under the owner's key as it is now. Codes that were made under an older one are void.
pub(crate) async fn hash(app: &App, code: &PairingCode, now: OffsetDateTime) -> Result<CodeHash, Problem> {
    let key = app.owner_key.current(now).await.ok_or(Problem::NoSecretKey)?;
    Ok(code.hash(&key.derive(Purpose::PairingCode)))
}
