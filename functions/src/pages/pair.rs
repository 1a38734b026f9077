//! `GET /pair`: where a pairing code takes a phone. The code is in the fragment of the URL, which browsers do not send:
//! `…/pair#BCDF-GHJK`.

use askama::Template;
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, Method},
    response::Response,
    routing::get,
};

use super::{Frame, error};
use crate::{
    App,
    http::{
        document::Document,
        html,
        live_url::LiveUrl,
        route::{Audience, Route},
    },
};

const PATH: &str = "/pair";

/// `GET /pair`
pub const ROUTE: Route = Route {
    name: "pair_page",
    paths: &[PATH],
    methods: &[Method::GET],
    router,
    audience: Audience::Guest,
    needs_database: false,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(pair))
}

#[derive(Template)]
#[template(path = "pair.html")]
struct Page<'a> {
    frame: Frame<'a>,
}

/// Counts no visit: this page sets a device up for the owner, and shows no stats.
async fn pair(State(app): State<App>, live_url: LiveUrl, headers: HeaderMap) -> Result<Response, Response> {
    let frame = Frame::new(PATH, "Pair a device", String::new(), &app.config, live_url.url());
    let html = html::render(&Page { frame }).map_err(error::page)?;
    Ok(Document::new(&html).respond(&headers, &[], app.page_policy.clone()))
}
