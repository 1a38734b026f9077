//! `GET /stats`: the figures of the server itself.

use askama::Template;
use axum::{Router, extract::State, http::Method, response::Response, routing::get};
use heartbeat_core::{stats::Stats, words};

use crate::{
    App,
    app::Now,
    page::{self, Frame, Moment},
    problem::Problem,
};

pub(crate) const PATH: &str = "/stats";

pub(crate) fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(stats)).layer(page::compression())
}

#[derive(Template)]
#[template(path = "stats.html")]
struct Page<'a> {
    frame: Frame<'a>,
    /// Where the stream is.
    stream: &'a str,
    stats: &'a Stats,
    /// When the server was first set up.
    started: Option<Moment>,
}

async fn stats(State(app): State<App>, Now(now): Now, method: Method) -> Result<Response, Response> {
    let snapshot = app.heartbeat.snapshot(now).await.map_err(|error| Problem::from(error).into_page())?;
    let stats = &snapshot.stats;
    let page = Page {
        frame: Frame::new(PATH, "Statistics", page::summary(stats), &app.config),
        stream: page::stream(&app.config),
        stats,
        started: Moment::at(now.unix_timestamp() - stats.uptime),
    };
    let html = page::html(&page).map_err(Problem::into_page)?;
    Ok(page::view(&app, &method, html).await)
}
