//! `GET /stats`: the page with visits, uptime and totals.

use askama::Template;
use axum::{
    Router,
    extract::{RawQuery, State},
    http::Method,
    response::Response,
    routing::get,
};
use bytes::Bytes;
use heartbeat_core::{device::UNNAMED, humanize, stats::Stats};
use time::OffsetDateTime;

use super::{
    EmbeddedStats, Frame, Moment, Steps, error,
    history::{
        Shown, Wanted,
        stats::{Choice, StatsView},
    },
    visit::Visit,
};
use crate::{
    App,
    api::history::{Query, resolve},
    http::{
        document::GAP,
        html,
        live_url::LiveUrl,
        number::canonical_number,
        onlooker::{Onlooker, Visitor},
        problem::Problem,
        route::{Audience, Route},
    },
};

const PATH: &str = "/stats";

/// Number of devices that the page offers, the first ones by id.
const MAX_CHOICES: usize = 100;

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
    /// When devices were in use, if that may be shown.
    history: Option<StatsView<'a>>,
}

async fn stats(
    Visitor(onlooker): Visitor,
    State(app): State<App>,
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Result<Response, Response> {
    let query = query.as_deref().unwrap_or_default();
    let device = asked_device(&app, query, onlooker, visit.now).await.map_err(error::page)?;
    let url = device.map_or(PATH.into(), |id| format!("{PATH}?device={id}"));
    let owned = owned_choices(&app, onlooker).await;
    let render = |stats: &Stats, shown: Option<&Shown>| {
        let choices = owned.unwrap_or_else(|| public_choices(stats));
        render(&app, &visit.live_url, stats, shown, &choices, device)
    };
    let page = visit.page(&app, onlooker, &url, (device, Wanted::Absences), render).await;
    let page = page.map_err(error::page)?;
    // The view of this page is counted once it is rendered.
    let visits = app.heartbeat.visits_with_this();
    let fills = [&*visits.to_string(), &humanize::grouped(visits)];
    Ok(visit.respond(&app, onlooker, &page, &fills).await)
}

/// Returns the device whose history is asked for. An id that no device has is that of none.
async fn asked_device(
    app: &App,
    query: &str,
    onlooker: Onlooker,
    now: OffsetDateTime,
) -> Result<Option<i64>, Problem> {
    let id = Query(query).parsed("device", |id| Ok(canonical_number(id)))?;
    match id {
        None => Ok(None),
        Some(id) => Ok(Some(resolve(app, id.ok_or(Problem::UnknownDevice)?, onlooker, now).await?)),
    }
}

/// Returns the devices that a stranger may choose.
fn public_choices(stats: &Stats) -> Vec<Choice> {
    let choice = |id, name: Option<&str>| Choice { id, name: name.unwrap_or(UNNAMED).to_owned() };
    stats.devices.iter().take(MAX_CHOICES).map(|device| choice(device.id, device.name.as_deref())).collect()
}

/// Returns the devices that the owner may choose: all of them. If they cannot be read, there are those that all may choose.
async fn owned_choices(app: &App, onlooker: Onlooker) -> Option<Vec<Choice>> {
    if onlooker == Onlooker::Stranger {
        return None;
    }
    let devices = app.heartbeat.devices().await.ok()?;
    let choice = |id, name: Option<String>| Choice { id, name: name.unwrap_or_else(|| UNNAMED.to_owned()) };
    Some(devices.into_iter().take(MAX_CHOICES).map(|device| choice(device.id, device.name)).collect())
}

fn render(
    app: &App,
    live_url: &LiveUrl,
    stats: &Stats,
    shown: Option<&Shown>,
    choices: &[Choice],
    device: Option<i64>,
) -> Result<Bytes, Problem> {
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
        history: shown
            .filter(|_| stats.last_seen.is_some())
            .map(|shown| StatsView::new(shown, stats, choices, device)),
    };
    html::render(&page)
}
