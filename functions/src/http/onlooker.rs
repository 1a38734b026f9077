//! Who looks at what strangers may see in part and the owner whole.

use axum::{
    extract::FromRequestParts,
    http::{header::AUTHORIZATION, request::Parts},
};
pub(crate) use heartbeat_core::heartbeat::history::Onlooker;

use super::{
    auth::{self, client_ip, key_to_compare},
    cookies::{CookieName, Transport},
    live_url::LiveUrl,
    problem::Problem,
    session,
};
use crate::App;

impl FromRequestParts<App> for SeenBy {
    type Rejection = Problem;

    /// A secret key has to be right. A session that is not valid any more makes a stranger: a public page is for its browser,
    /// too. Wrong ones count as guesses all the same.
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let client = client_ip(parts);
        if parts.headers.contains_key(AUTHORIZATION) {
            let presented = auth::authorization(parts).ok_or(Problem::Unauthorized)?;
            let key = key_to_compare(app, client).await?;
            let matches = key.matches(auth::credentials(presented)) | key.matches(presented);
            // The response is counted as a wrong guess: it has the status for it.
            return matches.then_some(Self(Onlooker::Owner)).ok_or(Problem::Unauthorized);
        }
        let live_url = LiveUrl::of(parts, app);
        let transport = Transport::of(parts, &app.config, live_url.url());
        let cookie = transport.and_then(|transport| transport.read(&parts.headers, CookieName::Session));
        let Some(cookie) = cookie else { return Ok(Self(Onlooker::Stranger)) };
        let Ok(key) = key_to_compare(app, client).await else { return Ok(Self(Onlooker::Stranger)) };
        if session::is_valid(cookie, &key, (app.clock)()) {
            return Ok(Self(Onlooker::Owner));
        }
        auth::wrong_guess(app, client);
        Ok(Self(Onlooker::Stranger))
    }
}

/// Who looks, as the request proves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeenBy(pub(crate) Onlooker);
