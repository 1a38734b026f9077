//! `GET` and `POST /api/devices`: the owner lists and registers devices. Below it are the routes of one device.

pub mod device;
pub mod editor_key;
pub mod pairing;
pub mod token_generate;

use axum::{
    Router,
    extract::{FromRequestParts, Path, State},
    http::{Method, header::CACHE_CONTROL, request::Parts},
    response::{IntoResponse, Response},
    routing::get,
};
use heartbeat_core::{
    device::{DeviceName, Registered},
    token::Token,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use self::device::Device;
use crate::{
    App,
    app::Random,
    http::{
        auth::Owner,
        body::Body,
        error_responses::ErrorResponse,
        json::JsonLine,
        members,
        number::canonical_number,
        problem::{Details, PROBLEM_JSON, Problem},
        route::{Audience, Route},
    },
};

const PATH: &str = "/api/devices";

/// `GET` and `POST /api/devices`
pub const ROUTE: Route = Route {
    name: "devices",
    paths: &[PATH],
    methods: &[Method::GET, Method::POST],
    router,
    audience: Audience::Owner,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(list).post(register))
}

/// A device to register.
#[derive(Debug, ToSchema)]
pub(crate) struct NewDevice {
    /// Device name: 1 to 100 characters without control characters. Surrounding whitespace is trimmed first.
    pub(crate) name: DeviceName,
}

/// A device with its new token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RegisteredDevice<'a> {
    /// Device id.
    #[schema(minimum = 0, example = 0)]
    id: i64,
    /// Device name; `null` for some devices from a legacy import.
    #[schema(required, example = "Laptop")]
    name: Option<&'a str>,
    /// Device token. Store it now: the server keeps only a hash, and cannot show it again.
    #[schema(pattern = "^hbt_[A-Za-z0-9_-]{43}$")]
    token: &'a str,
}

/// All devices of the server.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeviceList {
    /// Ordered by id, archived ones last.
    devices: Vec<Device>,
}

/// List the devices
///
/// Returns all devices, ordered by id, archived ones last.
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "listDevices",
    tag = "devices",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    responses(
        (status = 200, description = "All devices.", body = DeviceList,
            headers(("cache-control" = String, description = "`no-store`: only the owner may see this."))),
        ErrorResponse<401>,
        (status = 404, description = "The server has no secret key, so it has no owner.",
            body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn list(_: Owner, State(app): State<App>) -> Result<JsonLine<DeviceList>, Problem> {
    let devices = app.heartbeat.devices().await?;
    Ok(JsonLine(DeviceList { devices: devices.into_iter().map(Device::from).collect() }))
}

/// Register a device
///
/// Returns the device with its token, which is shown this once. The content type of the request is ignored, as are
/// members other than `name`.
#[utoipa::path(
    post,
    path = PATH,
    operation_id = "registerDevice",
    tag = "devices",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    request_body = NewDevice,
    responses(
        (status = 200, description = "The device is registered.", body = RegisteredDevice<'static>,
            headers(("cache-control" = String, description = "`no-store`: the token is a secret."))),
        ErrorResponse<400>,
        ErrorResponse<401>,
        ErrorResponse<403>,
        (status = 404, description = "The server has no secret key, so no device can be registered.",
            body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<408>,
        ErrorResponse<413>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn register(
    _: Owner,
    State(app): State<App>,
    Random(mut rng): Random,
    Body(body): Body,
) -> Result<Response, Problem> {
    let NewDevice { name } = parse(&body)?;
    let token = Token::generate(&mut rng);
    let device = app.heartbeat.register(name, &token).await?;
    Ok(device_response(&device, &token))
}

/// Returns the response with a device and its new token.
pub(crate) fn device_response(device: &Registered, token: &Token) -> Response {
    let body = RegisteredDevice { id: device.id, name: device.name.as_deref(), token: token.expose() };
    ([(CACHE_CONTROL, "no-store")], JsonLine(body)).into_response()
}

/// Device id in a path. What is not the id of any device is just a device that does not exist.
pub(crate) struct DeviceId(pub(crate) i64);

impl FromRequestParts<App> for DeviceId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let id = Path::<String>::from_request_parts(parts, app).await;
        id.ok().and_then(|Path(id)| canonical_number(&id)).map(Self).ok_or(Problem::UnknownDevice)
    }
}

/// Parses `{"name": "…"}`. Other members are ignored.
pub(crate) fn parse(body: &[u8]) -> Result<NewDevice, Problem> {
    match members::object(body)?.get("name") {
        Some(name) => Ok(NewDevice { name: parse_name(name)? }),
        None => Err(Problem::BadRequest("The member \"name\" is missing.".to_owned())),
    }
}

/// Parses the member `name` of a body.
pub(crate) fn parse_name(name: &Value) -> Result<DeviceName, Problem> {
    let not_a_string = || Problem::BadRequest("The member \"name\" is not a string.".to_owned());
    let name = name.as_str().ok_or_else(not_a_string)?;
    DeviceName::parse(name).map_err(|error| Problem::BadRequest(format!("The body is refused: {error}.")))
}
