//! `POST /api/pair`: a device redeems a pairing code for a token.

use axum::{Extension, Router, extract::State, http::Method, response::Response, routing::post};
use heartbeat_core::{Error, pairing::PairingCode, token::Token};
use serde::Deserialize;
use utoipa::ToSchema;

use super::devices::{RegisteredDevice, device_response, pairing::hash};
use crate::{
    App,
    app::{Now, Random},
    http::{
        body::Body,
        client_ip::{ClientIp, share_key},
        error_responses::ErrorResponse,
        own_origin::NoOtherSite,
        problem::{Details, PROBLEM_JSON, Problem},
        route::{Audience, Route},
    },
};

const PATH: &str = "/api/pair";

/// `POST /api/pair`
pub const ROUTE: Route = Route {
    name: "pair",
    paths: &[PATH],
    methods: &[Method::POST],
    router,
    audience: Audience::Guest,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, post(redeem))
}

/// A pairing code to redeem.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PresentedCode {
    /// Pairing code. Case, blanks and dashes do not matter.
    #[schema(example = "BCDF-GHJK")]
    code: String,
}

/// Redeem a pairing code
///
/// Returns the device with a new token. The first beat with it makes it the token of the device, whose present token is
/// valid until then; until then, too, the code may be redeemed again, in case the answer was lost. The content type of the
/// request is ignored.
#[utoipa::path(
    post,
    path = PATH,
    operation_id = "pair",
    tag = "pairing",
    request_body = PresentedCode,
    responses(
        (status = 200, description = "The device has a new token, as soon as that beats.",
            body = RegisteredDevice<'static>,
            headers(("cache-control" = String, description = "`no-store`: the token is a secret."))),
        ErrorResponse<400>,
        (status = 403, description = "A page of another site made the browser send it.",
            body = Details<'static>, content_type = PROBLEM_JSON),
        (status = 404, description = "The code is wrong, was used, or is older than ten minutes, or the server has \
            no secret key.", body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<408>,
        ErrorResponse<413>,
        (status = 429, description = "Too many codes were wrong: in all, or from this client.",
            body = Details<'static>, content_type = PROBLEM_JSON,
            headers(("retry-after" = u32, description = "Seconds until a code may be tried again."))),
        ErrorResponse<503>,
    ),
)]
async fn redeem(
    // Any page could have its visitors' browsers use up the attempts, here and where only they can reach a server.
    _: NoOtherSite,
    State(app): State<App>,
    Now(now): Now,
    Random(mut rng): Random,
    Extension(client): Extension<ClientIp>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let code = parse(&body)?;
    // What cannot be a code tells nothing about those that are.
    let code = code.ok_or(Problem::UnknownPairingCode)?;
    // Before the code is looked at, so that no more can fail at once than one after the other.
    if let Some(delay) = app.pairing_rate_limiter.record_failure(client, now) {
        return Err(Problem::too_many_pairing_codes(delay));
    }
    let (code, token) = (hash(&app, &code, now).await?, Token::generate(&mut rng));
    let redeemed = app.heartbeat.redeem(code, &token, client.0.map(share_key)).await;
    if redeemed.as_ref().err() != Some(&Error::UnknownPairingCode) {
        app.pairing_rate_limiter.take_failure_back(client);
    }
    Ok(device_response(&redeemed?, &token))
}

/// Parses `{"code": "…"}`. Returns `None` for a text that cannot be a code.
pub(crate) fn parse(body: &[u8]) -> Result<Option<PairingCode>, Problem> {
    let presented: PresentedCode = serde_json::from_slice(body).map_err(|_| {
        Problem::BadRequest(
            "The body is not a JSON object with a string \"code\" and nothing else.".to_owned(),
        )
    })?;
    Ok(PairingCode::parse(&presented.code))
}
