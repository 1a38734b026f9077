//! `GET /privacy`: what is kept of whom.

use askama::Template;
use axum::{Router, extract::State, response::Response, routing::get};

use crate::{
    App,
    page::{self, Frame},
};

pub(crate) const PATH: &str = "/privacy";

pub(crate) fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(privacy)).layer(page::compression())
}

#[derive(Template)]
#[template(path = "privacy.html")]
struct Page<'a> {
    frame: Frame<'a>,
}

async fn privacy(State(app): State<App>) -> Response {
    let description = "What this server keeps of its visitors: nothing but their number.".to_owned();
    page::view(&app, &Page { frame: Frame::new(PATH, "Privacy", description, &app.config) }).await
}
