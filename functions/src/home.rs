//! `GET /`: the page that shows the heartbeat to the world.

use askama::Template;
use axum::{
    Router,
    extract::State,
    response::{Html, Response},
    routing::get,
};
use heartbeat_core::stats::Stats;
use url::Url;

use crate::{App, app::Now, problem::Problem};

pub(crate) const PATH: &str = "/";

pub(crate) fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(home))
}

#[derive(Template)]
#[template(path = "home.html")]
struct Page<'a> {
    server_name: &'a str,
    repo: &'a str,
    /// Where the stream is.
    stream: &'a str,
    stats: &'a Stats,
}

async fn home(State(app): State<App>, Now(now): Now) -> Result<Html<String>, Response> {
    let page = |problem: Problem| problem.into_page();
    let snapshot = app.heartbeat.snapshot(now).await.map_err(|error| page(error.into()))?;
    app.heartbeat.count_visit().await;
    let config = &app.config;
    let home = Page {
        server_name: &config.server_name,
        repo: config.repo.as_str(),
        stream: config.ws_url.as_ref().map_or("/api/stats/ws", Url::as_str),
        stats: &snapshot.stats,
    };
    home.render().map(Html).map_err(|_| page(Problem::Internal))
}
