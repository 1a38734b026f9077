//! `GET /stats`: the page with visits, uptime and totals.

use askama::Template;
use axum::{Router, extract::State, http::Method, response::Response, routing::get};
use bytes::Bytes;
use heartbeat_core::{humanize, stats::Stats};

use super::{EmbeddedStats, Frame, Moment, Steps, error, history::Shown, visit::Visit};
use crate::{
    App,
    http::{
        document::GAP,
        html,
        live_url::LiveUrl,
        onlooker::Visitor,
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
    Visitor(onlooker): Visitor,
    State(app): State<App>,
    visit: Visit,
) -> Result<Response, Response> {
    let render = |stats: &Stats, shown: Option<&Shown>| render(&app, &visit.live_url, stats, shown);
    let page = visit.page(&app, onlooker, PATH, None, render).await.map_err(error::page)?;
    // The view of this page is counted once it is rendered.
    let visits = app.heartbeat.visits_with_this();
    let fills = [&*visits.to_string(), &humanize::grouped(visits)];
    Ok(visit.respond(&app, onlooker, &page, &fills).await)
}

fn render(app: &App, live_url: &LiveUrl, stats: &Stats, _shown: Option<&Shown>) -> Result<Bytes, Problem> {
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
