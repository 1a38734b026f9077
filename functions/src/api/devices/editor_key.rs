//! `POST` and `DELETE /api/devices/{id}/editor-key`: the owner gives a device a key for editors, or takes it away.

use axum::{
    Router,
    extract::State,
    http::{Method, StatusCode, header::CACHE_CONTROL},
    response::{IntoResponse, Response},
    routing::post,
};
use heartbeat_core::editor_key::EditorKey;
use serde::Serialize;
use utoipa::ToSchema;

use super::DeviceId;
use crate::{
    App,
    app::Random,
    http::{
        auth::Owner,
        error_responses::ErrorResponse,
        json::JsonLine,
        problem::{Details, PROBLEM_JSON, Problem},
        route::{Audience, Route},
    },
};

const PATH: &str = "/api/devices/{id}/editor-key";

/// `POST` and `DELETE /api/devices/{id}/editor-key`
pub const ROUTE: Route = Route {
    name: "devices_editor_key",
    paths: &[PATH],
    methods: &[Method::POST, Method::DELETE],
    router,
    audience: Audience::Owner,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, post(replace).delete(remove))
}

/// A device with its new editor key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeviceWithKey<'a> {
    /// Device id.
    #[schema(minimum = 0, example = 0)]
    id: i64,
    /// Device name; `null` for some devices from a legacy import.
    #[schema(required, example = "Laptop")]
    name: Option<&'a str>,
    /// Editor key: a UUID (version 4). Store it now: the server keeps only a hash, and cannot show it again.
    #[schema(pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")]
    key: &'a str,
}

/// Make an editor key
///
/// Returns the device with its new editor key, which is shown this once. A former key of the device is invalid at once;
/// its token stays as it is.
#[utoipa::path(
    post,
    path = PATH,
    operation_id = "replaceEditorKey",
    tag = "devices",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    params(("id" = i64, Path, minimum = 0, description = "Device id.", example = 0)),
    responses(
        (status = 201, description = "The device has a new editor key.", body = DeviceWithKey<'static>,
            headers(("cache-control" = String, description = "`no-store`: the key is a secret."))),
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
async fn replace(
    _: Owner,
    State(app): State<App>,
    Random(mut rng): Random,
    DeviceId(id): DeviceId,
) -> Result<Response, Problem> {
    let key = EditorKey::generate(&mut rng);
    let device = app.heartbeat.replace_editor_key(id, &key).await?;
    let body = DeviceWithKey { id: device.id, name: device.name.as_deref(), key: key.expose() };
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], JsonLine(body)).into_response())
}

/// Remove an editor key
///
/// The editor key of the device is invalid at once. A device that has none is left as it is.
#[utoipa::path(
    delete,
    path = PATH,
    operation_id = "removeEditorKey",
    tag = "devices",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    params(("id" = i64, Path, minimum = 0, description = "Device id.", example = 0)),
    responses(
        (status = 204, description = "The device has no editor key."),
        ErrorResponse<401>,
        ErrorResponse<403>,
        (status = 404, description = "No device has this id (non-numeric ids included), or the server has no \
            secret key.", body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn remove(_: Owner, State(app): State<App>, DeviceId(id): DeviceId) -> Result<Response, Problem> {
    app.heartbeat.remove_editor_key(id).await?;
    Ok((StatusCode::NO_CONTENT, [(CACHE_CONTROL, "no-store")]).into_response())
}
