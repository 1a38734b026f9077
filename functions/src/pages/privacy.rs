//! `GET /privacy`: the page about the data that is stored.

use askama::Template;
use axum::{Router, extract::State, http::Method, response::Response, routing::get};

use super::{Frame, error, visit::Visit};
use crate::{
    App,
    http::{
        document::Document,
        html,
        onlooker::Onlooker,
        route::{Audience, Route},
    },
};

const PATH: &str = "/privacy";

/// `GET /privacy`
pub const ROUTE: Route = Route {
    name: "privacy",
    paths: &[PATH],
    methods: &[Method::GET],
    router,
    audience: Audience::Public,
    needs_database: false,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(privacy))
}

#[derive(Template)]
#[template(path = "privacy.html")]
struct Page<'a> {
    frame: Frame<'a>,
}

async fn privacy(State(app): State<App>, visit: Visit) -> Result<Response, Response> {
    let description = "This server stores nothing about its visitors but the number of visits.".to_owned();
    let page = Page { frame: Frame::new(PATH, "Privacy", description, &app.config, visit.live_url.url()) };
    let html = html::render(&page).map_err(error::page)?;
    Ok(visit.respond(&app, Onlooker::Stranger, &Document::new(&html), &[]).await)
}
