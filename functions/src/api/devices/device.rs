//! `GET`, `PATCH` and `DELETE /api/devices/{id}`: the owner looks at a device, changes it, or erases it.

use axum::{
    Router,
    extract::State,
    http::{Method, StatusCode},
    routing::get,
};
use heartbeat_core::device::{DeviceName, DeviceUpdate, OwnedDevice, Visibility};
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{DeviceId, parse_name};
use crate::{
    App,
    http::{
        auth::Owner,
        body::Body,
        error_responses::ErrorResponse,
        json::JsonLine,
        members,
        problem::{Details, PROBLEM_JSON, Problem},
        route::{Audience, Route},
    },
};

const PATH: &str = "/api/devices/{id}";

/// `GET`, `PATCH` and `DELETE /api/devices/{id}`
pub const ROUTE: Route = Route {
    name: "devices_device",
    paths: &[PATH],
    methods: &[Method::GET, Method::PATCH, Method::DELETE],
    router,
    audience: Audience::Owner,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(show).patch(change).delete(erase))
}

/// A device as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Device {
    /// Device id.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64, example = 0)]
    id: i64,
    /// Device name; `null` for some devices from a legacy import.
    #[schema(required, example = "Laptop")]
    name: Option<String>,
    /// Who may see the device: `public`, everybody; `hidden`, the owner alone. While it is archived only the owner may.
    #[schema(value_type = DeviceVisibility)]
    visibility: &'static str,
    /// Whether its beats are a sign of life of the owner. Alerts do not count those of a server or a sensor.
    sign_of_life: bool,
    /// Whether it is archived: hidden, without a token. Its beats still count.
    archived: bool,
    /// When it was registered; `null` for devices that are older than this member.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, required, example = "2026-11-24T07:12:09.5Z")]
    created_at: Option<OffsetDateTime>,
    /// Time of its last beat; `null` before the first.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, required, example = "2026-11-26T20:05:00.123456Z")]
    last_beat: Option<OffsetDateTime>,
    /// Number of its beats.
    #[schema(minimum = 0, example = 36_308)]
    num_beats: i64,
}

impl From<OwnedDevice> for Device {
    fn from(device: OwnedDevice) -> Self {
        Self {
            id: device.id,
            name: device.name,
            visibility: device.visibility.as_str(),
            sign_of_life: device.sign_of_life,
            archived: device.archived_at.is_some(),
            created_at: device.created_at,
            last_beat: device.last_beat,
            num_beats: device.num_beats,
        }
    }
}

/// Who may see a device.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "the core parses and writes it")]
pub(crate) enum DeviceVisibility {
    Public,
    Hidden,
}

/// Members of a [`DeviceChange`].
const MEMBERS: [&str; 4] = ["name", "visibility", "sign_of_life", "archived"];

/// A change to a device: one member at least. What is left out stays as it is.
#[derive(ToSchema)]
#[schema(min_properties = 1, example = json!({ "name": "Laptop", "visibility": "public" }))]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "`parse` reads the members")]
pub(crate) struct DeviceChange {
    /// New name: 1 to 100 characters without control characters. Surrounding whitespace is trimmed first.
    #[schema(nullable = false)]
    name: Option<DeviceName>,
    /// Who may see the device.
    #[schema(nullable = false)]
    visibility: Option<DeviceVisibility>,
    /// Whether its beats are a sign of life of the owner.
    #[schema(nullable = false)]
    sign_of_life: Option<bool>,
    /// `true` archives the device: its token is dead at once, as are its editor key and its pairing code. `false` brings it
    /// back, without a token.
    #[schema(nullable = false)]
    archived: Option<bool>,
}

/// Get a device
///
/// The id that a device had before it was moved in names it, too.
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "getDevice",
    tag = "devices",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    params(("id" = i64, Path, minimum = 0, description = "Device id.", example = 0)),
    responses(
        (status = 200, description = "The device.", body = Device,
            headers(("cache-control" = String, description = "`no-store`: only the owner may see this."))),
        ErrorResponse<401>,
        (status = 404, description = "No device has this id (non-numeric ids included), or the server has no \
            secret key.", body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn show(_: Owner, State(app): State<App>, DeviceId(id): DeviceId) -> Result<JsonLine<Device>, Problem> {
    Ok(JsonLine(app.heartbeat.device(id).await?.into()))
}

/// Change a device
///
/// Renames the device, hides or shows it, says whether its beats are a sign of life, archives it or brings it back. The
/// content type of the request is ignored.
#[utoipa::path(
    patch,
    path = PATH,
    operation_id = "changeDevice",
    tag = "devices",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    params(("id" = i64, Path, minimum = 0, description = "Device id.", example = 0)),
    request_body = DeviceChange,
    responses(
        (status = 200, description = "The device as it is now.", body = Device,
            headers(("cache-control" = String, description = "`no-store`: only the owner may see this."))),
        ErrorResponse<400>,
        ErrorResponse<401>,
        ErrorResponse<403>,
        (status = 404, description = "No device has this id (non-numeric ids included), or the server has no \
            secret key.", body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<408>,
        ErrorResponse<413>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn change(
    _: Owner,
    State(app): State<App>,
    DeviceId(id): DeviceId,
    Body(body): Body,
) -> Result<JsonLine<Device>, Problem> {
    let update = parse(&body)?;
    Ok(JsonLine(app.heartbeat.update_device(id, update).await?.into()))
}

/// Erase a device
///
/// The device is gone at once, for good, and so are its beats: totals fall, and what they hid becomes an absence. Its id
/// is never given again. Where there are very many beats, records such as the longest absence follow a little later.
#[utoipa::path(
    delete,
    path = PATH,
    operation_id = "eraseDevice",
    tag = "devices",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    params(("id" = i64, Path, minimum = 0, description = "Device id.", example = 0)),
    responses(
        (status = 204, description = "The device is erased."),
        ErrorResponse<401>,
        ErrorResponse<403>,
        (status = 404, description = "No device has this id (non-numeric ids included), or the server has no \
            secret key.", body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn erase(_: Owner, State(app): State<App>, DeviceId(id): DeviceId) -> Result<StatusCode, Problem> {
    app.heartbeat.erase_device(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Parses a [`DeviceChange`].
fn parse(body: &[u8]) -> Result<DeviceUpdate, Problem> {
    let members = members::object(body)?;
    if members.is_empty() {
        return Err(Problem::BadRequest(format!("The body has none of \"{}\".", MEMBERS.join("\", \""))));
    }
    let mut update = DeviceUpdate::default();
    for (member, value) in &members {
        match member.as_str() {
            "name" => update.name = Some(parse_name(value)?),
            "visibility" => update.visibility = Some(parse_visibility(value)?),
            "sign_of_life" => update.sign_of_life = Some(parse_bool(member, value)?),
            "archived" => update.archived = Some(parse_bool(member, value)?),
            _ => return Err(members::unknown_member(&MEMBERS)),
        }
    }
    Ok(update)
}

fn parse_visibility(value: &Value) -> Result<Visibility, Problem> {
    value
        .as_str()
        .and_then(Visibility::parse)
        .ok_or_else(|| members::not_a("visibility", "\"public\" or \"hidden\""))
}

fn parse_bool(member: &str, value: &Value) -> Result<bool, Problem> {
    value.as_bool().ok_or_else(|| members::not_a(member, "true or false"))
}
