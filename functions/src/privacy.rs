//! `GET /privacy`: what is kept of whom.

use askama::Template;
use axum::{Router, extract::State, http::Method, response::Response, routing::get};

use crate::{
    App,
    page::{self, Frame},
    problem::Problem,
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

async fn privacy(State(app): State<App>, method: Method) -> Result<Response, Response> {
    let description = "What this server keeps of its visitors: nothing but their number.".to_owned();
    let page = Page { frame: Frame::new(PATH, "Privacy", description, &app.config) };
    let html = page::html(&page).map_err(Problem::into_page)?;
    Ok(page::view(&app, &method, html).await)
}
