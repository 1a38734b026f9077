//! Who looks at what strangers may see in part and the owner whole.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{header::AUTHORIZATION, request::Parts},
};
pub(crate) use heartbeat_core::heartbeat::history::Onlooker;

use super::{
    auth::{self, client_ip, key_to_compare},
    client_ip::ClientIp,
    cookies::{CookieName, Transport},
    live_url::LiveUrl,
    problem::Problem,
    session,
};
use crate::App;

impl FromRequestParts<App> for SeenBy {
    type Rejection = Problem;

    /// A secret key has to be right.
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let client = client_ip(parts);
        if parts.headers.contains_key(AUTHORIZATION) {
            let presented = auth::authorization(parts).ok_or(Problem::Unauthorized)?;
            let key = key_to_compare(app, client).await?;
            let matches = key.matches(auth::credentials(presented)) | key.matches(presented);
            // The response is counted as a wrong guess: it has the status for it.
            return matches.then_some(Self(Onlooker::Owner)).ok_or(Problem::Unauthorized);
        }
        Ok(Self(by_session(parts, app, client).await))
    }
}

/// Who looks, as the request proves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeenBy(pub(crate) Onlooker);

impl FromRequestParts<App> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self(by_session(parts, app, client_ip(parts)).await))
    }
}

/// Who looks at a page, as the session of the browser proves. An `Authorization` says nothing here: one that a proxy asks for
/// comes with each request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visitor(pub(crate) Onlooker);

/// Returns who looks. A session that is not valid any more makes a stranger: a public page is for its browser, too. Wrong ones
/// count as guesses all the same.
async fn by_session(parts: &Parts, app: &App, client: ClientIp) -> Onlooker {
    let live_url = LiveUrl::of(parts, app);
    let transport = Transport::of(parts, &app.config, live_url.url());
    let cookie = transport.and_then(|transport| transport.read(&parts.headers, CookieName::Session));
    let Some(cookie) = cookie else { return Onlooker::Stranger };
    let Ok(key) = key_to_compare(app, client).await else { return Onlooker::Stranger };
    if session::is_valid(cookie, &key, (app.clock)()) {
        return Onlooker::Owner;
    }
    auth::wrong_guess(app, client);
    Onlooker::Stranger
}
