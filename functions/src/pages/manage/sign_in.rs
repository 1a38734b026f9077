//! Signing in with the secret key, and signing out.

use std::convert::Infallible;

use askama::Template;
use axum::{
    extract::FromRequestParts,
    http::{StatusCode, header::AUTHORIZATION, request::Parts},
    response::Response,
};
use rand::{rand_core::UnwrapErr, rngs::SysRng};

use super::{PATH, error, response, see_other};
use crate::{
    App,
    http::{
        auth::{client_ip, key_to_compare, wrong_guess},
        client_ip::ClientIp,
        cookies::{CookieName, Transport},
        html,
        live_url::LiveUrl,
        own_origin::{SEC_FETCH_SITE, is_own},
        problem::Problem,
        session,
    },
    pages::Frame,
};

#[derive(Template)]
#[template(path = "manage/sign_in.html")]
struct Page<'a> {
    frame: Frame<'a>,
    state: State,
    /// Whether the link that led here may have kept the browser from sending its session.
    from_another_site: bool,
    /// URL of this page over HTTPS, where the server has one.
    https_url: Option<String>,
}

/// Why a request is not signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The browser has no session.
    SignedOut,
    /// It has one that ended.
    Ended,
    /// The key that was typed is not the one.
    WrongKey,
    /// The key would cross the network in the clear.
    Insecure,
}

/// The form to sign in, as it answers one request.
pub(super) struct SignIn {
    app: App,
    live_url: LiveUrl,
    client: ClientIp,
    transport: Option<Transport>,
    /// Why there is no session, and the status that says so.
    reason: (StatusCode, State),
    /// Whether one of our pages made the browser send the request.
    is_own: bool,
    from_another_site: bool,
}

impl SignIn {
    /// Takes a request.
    pub(super) fn of(parts: &Parts, app: &App) -> Self {
        let (uri, headers) = (&parts.uri, &parts.headers);
        let live_url = LiveUrl::of(parts, app);
        let transport = Transport::of(parts, &app.config, live_url.url());
        let has_session = transport.is_some_and(|it| it.read(headers, CookieName::Session).is_some());
        let site = headers.get(SEC_FETCH_SITE);
        Self {
            app: app.clone(),
            client: client_ip(parts),
            transport,
            reason: match (headers.contains_key(AUTHORIZATION), has_session, parts.method.is_safe()) {
                (false, true, _) => (StatusCode::UNAUTHORIZED, State::Ended),
                (false, false, true) => (StatusCode::OK, State::SignedOut),
                (true, _, _) | (false, false, false) => (StatusCode::UNAUTHORIZED, State::SignedOut),
            },
            is_own: is_own(uri, headers, live_url.url()),
            from_another_site: site.is_some_and(|site| site == "cross-site" || site == "same-site"),
            live_url,
        }
    }

    /// Returns how the request arrived; `None` if that is too insecure to sign in.
    pub(super) fn transport(&self) -> Option<Transport> {
        self.transport
    }

    /// Returns the form in place of the page that was asked for.
    pub(super) fn instead_of_a_page(&self) -> Response {
        let (status, state) = self.reason;
        self.respond(status, state)
    }

    /// Starts a session if `presented` is the secret key. A form of another site is refused: it could use up the attempts of
    /// those who view it.
    pub(super) async fn with_key(&self, presented: &str) -> Result<Response, Response> {
        if !self.is_own {
            return Err(error::page(Problem::CrossSite));
        }
        let Some(transport) = self.transport else {
            return Ok(self.respond(StatusCode::FORBIDDEN, State::Insecure));
        };
        let now = (self.app.clock)();
        let key = key_to_compare(&self.app, self.client).await.map_err(error::page)?;
        // What is pasted may have blanks around it, which no key has.
        if !key.matches(presented.trim().as_bytes()) {
            return match wrong_guess(&self.app, self.client) {
                Problem::Unauthorized => Ok(self.respond(StatusCode::UNAUTHORIZED, State::WrongKey)),
                problem => Err(error::page(problem)),
            };
        }
        let mut response = see_other(PATH);
        let session = session::start(&key, now, &mut UnwrapErr(SysRng));
        transport.set(response.headers_mut(), CookieName::Session, &session, session::MAX_AGE);
        Ok(response)
    }

    /// Has the browser forget the session.
    pub(super) fn sign_out(&self) -> Response {
        let mut response = see_other(PATH);
        self.forget(&mut response);
        response
    }

    fn forget(&self, response: &mut Response) {
        if let Some(transport) = self.transport {
            transport.remove(response.headers_mut(), CookieName::Session);
            transport.remove(response.headers_mut(), CookieName::Handover);
            transport.remove(response.headers_mut(), CookieName::WebhookSecret);
        }
    }

    fn respond(&self, status: StatusCode, state: State) -> Response {
        let state = if self.transport.is_none() { State::Insecure } else { state };
        let config = &self.app.config;
        let frame = Frame::new("", "Sign in", String::new(), config, self.live_url.url());
        let page = Page {
            https_url: (frame.live_url.scheme() == "https").then(|| frame.absolute(PATH)),
            frame,
            state,
            from_another_site: self.from_another_site,
        };
        match html::render(&page) {
            Ok(html) => {
                let mut response = response(status, html);
                if state == State::Ended {
                    self.forget(&mut response);
                }
                response
            }
            Err(problem) => error::page(problem),
        }
    }
}

impl FromRequestParts<App> for SignIn {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self::of(parts, app))
    }
}
