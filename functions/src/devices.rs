//! `POST /api/devices`: the owner registers a device.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::{FromRequest, Request, State, rejection::BytesRejection},
    http::{StatusCode, header::CACHE_CONTROL},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use heartbeat_core::{device::DeviceName, heartbeat::Registered, token::Token};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::timeout;

use crate::{App, app::Random, auth::Owner, problem::Problem};

pub(crate) const PATH: &str = "/api/devices";

/// How long a client may take to send a body.
const BODY_LIMIT: Duration = Duration::from_secs(10);

/// No route without a secret key in the configuration.
pub(crate) fn router(app: &App) -> Router<App> {
    match app.config.secret_key {
        Some(_) => Router::new().route(PATH, post(register)),
        None => Router::new(),
    }
}

/// Adds a device and answers it with its token, which nobody is ever shown again.
async fn register(
    _: Owner,
    State(app): State<App>,
    Random(mut rng): Random,
    Body(body): Body,
) -> Result<Response, Problem> {
    let name = parse(&body)?;
    let token = Token::generate(&mut rng);
    let device = app.heartbeat.register(name, &token).await?;
    Ok(with_token(&device, &token))
}

/// A device together with its new token.
pub(crate) fn with_token(device: &Registered, token: &Token) -> Response {
    #[derive(Serialize)]
    struct Answer<'a> {
        id: i64,
        name: Option<&'a str>,
        token: &'a str,
    }
    let answer = Answer { id: device.id, name: device.name.as_deref(), token: token.expose() };
    ([(CACHE_CONTROL, "no-store")], Json(answer)).into_response()
}

/// Reads `{"name": "…"}`; other members are passed over.
pub(crate) fn parse(body: &[u8]) -> Result<DeviceName, Problem> {
    let bad = |detail: &str| Problem::BadRequest(detail.to_owned());
    let object: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| bad("The body is not a JSON object."))?;
    match object.get("name") {
        Some(Value::String(name)) => {
            DeviceName::parse(name).map_err(|error| bad(&format!("The body is refused: {error}.")))
        }
        Some(_) => Err(bad("The member \"name\" is not a string.")),
        None => Err(bad("The member \"name\" is missing.")),
    }
}

/// A body that came as a whole, and in time.
struct Body(Bytes);

impl FromRequest<App> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let body = timeout(BODY_LIMIT, Bytes::from_request(request, app)).await;
        body.map_err(|_| Problem::RequestTimeout)?.map(Self).map_err(unreadable)
    }
}

fn unreadable(rejection: BytesRejection) -> Problem {
    match rejection.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::PayloadTooLarge,
        _ => Problem::BadRequest("The body ended before it was complete.".to_owned()),
    }
}
