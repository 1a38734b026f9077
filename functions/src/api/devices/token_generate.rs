//! `POST /api/devices/{id}/token/generate`: the owner gives a device a new token.

use axum::{
    Router,
    extract::{Path, State, rejection::PathRejection},
    http::Method,
    response::Response,
    routing::post,
};
use heartbeat_core::token::Token;

use super::{Answer, with_token};
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

const PATH: &str = "/api/devices/{id}/token/generate";

/// `POST /api/devices/{id}/token/generate`
pub const ROUTE: Route = Route {
    name: "devices_token_generate",
    paths: &[PATH],
    methods: &[Method::POST],
    router,
    needs_database: true,
};

/// No route without a secret key in the configuration.
fn router(app: &App) -> Router<App> {
    match app.config.secret_key {
        Some(_) => Router::new().route(PATH, post(generate)),
        None => Router::new(),
    }
}

/// Replace the token of a device
///
/// Answers the device with its new token, which nobody is ever shown again. The old one is dead at once.
#[utoipa::path(
    post,
    path = PATH,
    operation_id = "replaceToken",
    tag = "devices",
    security(("ownerKey" = []), ("ownerKeyBare" = [])),
    params(("id" = i64, Path, minimum = 0, description = "The device's id.", example = 0)),
    responses(
        (status = 200, description = "The device has a new token.", body = Answer<'static>,
            headers(("cache-control" = String, description = "`no-store`: the token is a secret."))),
        Refused<401>,
        (status = 404, description = "No device has this id, whatever was sent as one; or this server has no \
            owner's key.", body = Details<'static>, content_type = PROBLEM_JSON),
        Refused<405>,
        Refused<429>,
        Refused<503>,
    ),
)]
async fn generate(
    _: Owner,
    State(app): State<App>,
    Random(mut rng): Random,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = id.ok().and_then(|Path(id)| parse(&id)).ok_or(Problem::UnknownDevice)?;
    let token = Token::generate(&mut rng);
    let device = app.heartbeat.replace_token(id, &token).await?;
    Ok(with_token(&device, &token))
}

/// A device's id in the one way to write it; anything else is the id of no device.
fn parse(text: &str) -> Option<i64> {
    let id: i64 = text.parse().ok()?;
    (id.to_string() == text).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn an_id_has_one_spelling() {
        assert_eq!(parse("0"), Some(0));
        assert_eq!(parse("9223372036854775807"), Some(i64::MAX));
        for text in ["", "+1", "01", " 1", "1.0", "1e3", "one", "9223372036854775808"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
