//! `POST /api/devices`: the owner registers a device.

pub mod token_generate;

use std::time::Duration;

use axum::{
    Json, Router,
    extract::{FromRequest, Request, State, rejection::BytesRejection},
    http::{Method, StatusCode, header::CACHE_CONTROL},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use heartbeat_core::{device::DeviceName, heartbeat::Registered, token::Token};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::{
    App,
    app::Random,
    http::{
        auth::Owner,
        error_responses::Refused,
        problem::{Details, PROBLEM_JSON, Problem},
        route::Route,
    },
};

const PATH: &str = "/api/devices";

/// `POST /api/devices`
pub const ROUTE: Route =
    Route { name: "devices", paths: &[PATH], methods: &[Method::POST], router, needs_database: true };

/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// No route without a secret key in the configuration.
fn router(app: &App) -> Router<App> {
    match app.config.secret_key {
        Some(_) => Router::new().route(PATH, post(register)),
        None => Router::new(),
    }
}

/// A device that the owner registers.
#[derive(Debug, ToSchema)]
pub(crate) struct NewDevice {
    /// What the device is to be called: 1 to 100 characters, none of them a control character. Blanks around
    /// them are dropped, and do not count.
    pub(crate) name: DeviceName,
}

/// A device together with its new token.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisteredDevice)]
pub(crate) struct Answer<'a> {
    /// Its id.
    #[schema(minimum = 0, example = 0)]
    id: i64,
    /// Its name; `null` for some devices that an earlier Heartbeat registered.
    #[schema(required, example = "Laptop")]
    name: Option<&'a str>,
    /// Its token. The server keeps only a hash of it, and cannot show it again.
    #[schema(pattern = "^hbt_[A-Za-z0-9_-]{43}$")]
    token: &'a str,
}

/// Register a device
///
/// Answers the device with its token, which nobody is ever shown again. A body that parses is taken
/// whatever its content type says; members other than `name` are passed over.
#[utoipa::path(
    post,
    path = PATH,
    operation_id = "registerDevice",
    tag = "devices",
    security(("ownerKey" = []), ("ownerKeyBare" = [])),
    request_body = NewDevice,
    responses(
        (status = 200, description = "The device is registered.", body = Answer<'static>,
            headers(("cache-control" = String, description = "`no-store`: the token is a secret."))),
        Refused<400>,
        Refused<401>,
        (status = 404, description = "This server has no owner's key, so nobody can register devices.",
            body = Details<'static>, content_type = PROBLEM_JSON),
        Refused<405>,
        Refused<408>,
        Refused<413>,
        Refused<429>,
        Refused<503>,
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
    Ok(with_token(&device, &token))
}

/// Answers a device together with its new token.
pub(crate) fn with_token(device: &Registered, token: &Token) -> Response {
    let answer = Answer { id: device.id, name: device.name.as_deref(), token: token.expose() };
    ([(CACHE_CONTROL, "no-store")], Json(answer)).into_response()
}

/// Reads `{"name": "…"}`; other members are passed over.
pub(crate) fn parse(body: &[u8]) -> Result<NewDevice, Problem> {
    let bad = |detail: &str| Problem::BadRequest(detail.to_owned());
    let object: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| bad("The body is not a JSON object."))?;
    match object.get("name") {
        Some(Value::String(name)) => match DeviceName::parse(name) {
            Ok(name) => Ok(NewDevice { name }),
            Err(error) => Err(bad(&format!("The body is refused: {error}."))),
        },
        Some(_) => Err(bad("The member \"name\" is not a string.")),
        None => Err(bad("The member \"name\" is missing.")),
    }
}

/// A body that came as a whole, and in time.
struct Body(Bytes);

impl FromRequest<App> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let body = timeout(BODY_TIMEOUT, Bytes::from_request(request, app)).await;
        body.map_err(|_| Problem::RequestTimeout)?.map(Self).map_err(unreadable)
    }
}

fn unreadable(rejection: BytesRejection) -> Problem {
    match rejection.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::PayloadTooLarge,
        _ => Problem::BadRequest("The body ended before it was complete.".to_owned()),
    }
}
