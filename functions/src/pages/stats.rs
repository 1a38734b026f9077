//! `GET /stats`: the page with visits, uptime and totals.

use askama::Template;
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, Method},
    response::Response,
    routing::get,
};
use bytes::Bytes;
use heartbeat_core::{humanize, stats::Stats};

use super::{EmbeddedStats, Frame, Moment, Steps, error};
use crate::{
    App,
    app::Now,
    http::{
        document::GAP,
        html,
        live_url::LiveUrl,
        problem::Problem,
        route::{Audience, Route},
    },
};

const PATH: &str = "/stats";

/// `GET /stats`
pub const ROUTE: Route = Route {
    name: "stats_page",
    paths: &[PATH],
    methods: &[Method::GET],
    router,
    audience: Audience::Public,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(stats))
}

#[derive(Template)]
#[template(path = "stats.html")]
struct Page<'a> {
    frame: Frame<'a>,
    /// URL of the stream.
    stream: &'a str,
    /// The stats for the script, with a gap for the number of visits.
    json: String,
    /// Number of visits: a gap, since each view is one more.
    visits: &'static str,
    stats: &'a Stats,
    recency: &'static str,
    /// The steps in which the stats change, if they are not exact.
    steps: Option<Steps>,
    /// Time of the first setup of the server.
    started_at: Option<Moment>,
}

async fn stats(
    State(app): State<App>,
    Now(now): Now,
    live_url: LiveUrl,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let page = super::of_revision(&app, PATH, &live_url, now, |stats| render(&app, &live_url, stats));
    let page = page.await.map_err(error::page)?;
    // The view of this page is counted once it is rendered.
    let visits = app.heartbeat.visits_with_this();
    let fills = [&*visits.to_string(), &humanize::grouped(visits)];
    Ok(super::view(&app, &method, &headers, &page, &fills).await)
}

fn render(app: &App, live_url: &LiveUrl, stats: &Stats) -> Result<Bytes, Problem> {
    let json = EmbeddedStats::new(stats, Vec::new()).json();
    let page = Page {
        frame: Frame::new(PATH, "Statistics", super::summary(stats), &app.config, live_url.url()),
        stream: super::stream_url(&app.config),
        json: format!("{{\"num_visits\":{GAP},{}", json.trim_start_matches('{')),
        visits: GAP,
        stats,
        recency: stats.recency(stats.last_seen_relative).name(),
        steps: Steps::of(stats),
        started_at: Moment::at(stats.as_of - stats.uptime),
    };
    html::render(&page)
}
