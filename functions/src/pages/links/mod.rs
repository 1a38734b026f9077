//! Links in notifications: `/ok/{code}`, `/reached/{code}`, `/confirm/{code}`, `/unsubscribe/{code}`.
//!
//! - [`message`]: what their pages say.
//!
//! `GET` shows a page with one button and changes nothing, since scanners of mail and previews of chats open links; `POST`
//! does it. The code is the credential: no cookie is needed, and it does not matter which site makes the browser send the
//! form. ntfy's app posts to `/ok/{code}` by itself, mail programs to `/unsubscribe/{code}` (RFC 8058).

mod message;

use askama::Template;
use axum::{
    Router,
    extract::{FromRequestParts, Path, State},
    http::{Method, request::Parts},
    response::Response,
    routing::get,
};
use heartbeat_core::{
    link::{Link, LinkAction},
    token::Purpose,
};

use super::{Frame, error};
use crate::{
    App,
    http::{
        auth::client_ip,
        html::{self, BASE_POLICY},
        live_url::LiveUrl,
        problem::Problem,
        route::{Audience, Route},
    },
};
use message::Message;

const PATHS: &[&str] = &["/ok/{code}", "/reached/{code}", "/confirm/{code}", "/unsubscribe/{code}"];

/// The links in notifications.
pub const ROUTE: Route = Route {
    name: "links",
    paths: PATHS,
    methods: &[Method::GET, Method::POST],
    router,
    audience: Audience::Guest,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    PATHS.iter().fold(Router::new(), |router, path| router.route(path, get(show).post(act)))
}

#[derive(Template)]
#[template(path = "link.html")]
struct Page<'a> {
    frame: Frame<'a>,
    message: Message,
}

/// Shows what the button of a link does, or that the link does nothing any more.
async fn show(
    State(app): State<App>,
    live_url: LiveUrl,
    Followed(link): Followed,
) -> Result<Response, Response> {
    let message = message::before(&app, link).await.map_err(error::page)?;
    respond(&app, &live_url, message).map_err(error::page)
}

/// Does what a link is for, and says what came of it. To do it twice is to do it once.
async fn act(
    State(app): State<App>,
    live_url: LiveUrl,
    Followed(link): Followed,
) -> Result<Response, Response> {
    let message = message::after(&app, link).await.map_err(error::page)?;
    respond(&app, &live_url, message).map_err(error::page)
}

fn respond(app: &App, live_url: &LiveUrl, message: Message) -> Result<Response, Problem> {
    let frame = Frame::new("", message.title, String::new(), &app.config, live_url.url());
    let html = html::render(&Page { frame, message })?;
    Ok(html::response(html, BASE_POLICY))
}

/// The link that a request follows. A code that was not signed with the owner's key is a guess at that key, and slows down further
/// ones of its client IP. Links that are right act all the same: others at home may have followed a broken one.
struct Followed(Link);

impl FromRequestParts<App> for Followed {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let code = Path::<String>::from_request_parts(parts, app).await;
        let code = code.map(|Path(code)| code).unwrap_or_default();
        let action = parts.uri.path().split('/').nth(1).and_then(LinkAction::of_path);
        let (client, now) = (client_ip(parts), (app.clock)());
        let key = app.owner_key.current(now).await.ok_or_else(|| error::page(Problem::NoSecretKey))?;
        let link = action.and_then(|action| Link::parse(&code, action, &key.derive(Purpose::Link)));
        link.map(Self).ok_or_else(|| {
            let limiter = &app.link_rate_limiter;
            let delay = limiter.retry_after(client, now).or_else(|| limiter.record_failure(client, now));
            error::page(delay.map_or(Problem::UnknownLink, Problem::too_many_requests))
        })
    }
}
