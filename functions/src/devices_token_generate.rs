//! `POST /api/devices/{id}/token/generate`: the owner gives a device a new token.

use axum::{
    Router,
    extract::{Path, State, rejection::PathRejection},
    response::Response,
    routing::post,
};
use heartbeat_core::token::Token;

use crate::{App, app::Random, auth::Owner, devices::with_token, problem::Problem};

pub(crate) const PATH: &str = "/api/devices/{id}/token/generate";

/// No route without a secret key in the configuration.
pub(crate) fn router(app: &App) -> Router<App> {
    match app.config.secret_key {
        Some(_) => Router::new().route(PATH, post(generate)),
        None => Router::new(),
    }
}

/// Replaces the token of a device and answers the device with the new one.
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
