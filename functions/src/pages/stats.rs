//! `GET /stats`: the page with visits, uptime and totals.

use askama::Template;
use axum::{Router, extract::State, http::Method, response::Response, routing::get};
use heartbeat_core::{humanize, stats::Stats};

use super::{Frame, Moment, error};
use crate::{
    App,
    app::Now,
    http::{html, route::Route},
};

const PATH: &str = "/stats";

/// `GET /stats`
pub const ROUTE: Route =
    Route { name: "stats_page", paths: &[PATH], methods: &[Method::GET], router, needs_database: true };

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(stats)).layer(super::compression())
}

#[derive(Template)]
#[template(path = "stats.html")]
struct Page<'a> {
    frame: Frame<'a>,
    /// URL of the stream.
    stream: &'a str,
    /// The stats as a frame, for the script.
    json: String,
    stats: &'a Stats,
    /// Time of the first setup of the server.
    started_at: Option<Moment>,
}

async fn stats(State(app): State<App>, Now(now): Now, method: Method) -> Result<Response, Response> {
    let snapshot = app.heartbeat.snapshot(now).await.map_err(error::page)?;
    // The view of this page is counted once it is rendered.
    let stats = &Stats { num_visits: snapshot.stats.num_visits + 1, ..snapshot.stats.clone() };
    let page = Page {
        frame: Frame::new(PATH, "Statistics", super::summary(stats), &app.config),
        stream: super::stream_url(&app.config),
        json: serde_json::to_string(stats).expect("numbers, text and lists are JSON"),
        stats,
        started_at: Moment::at(now.unix_timestamp() - stats.uptime),
    };
    let html = html::render(&page).map_err(error::page)?;
    Ok(super::view(&app, &method, html).await)
}
