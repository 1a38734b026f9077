//! `GET /`: the page that shows the heartbeat to the world.

use askama::Template;
use axum::{Router, extract::State, http::Method, response::Response, routing::get};
use bytes::Bytes;
use heartbeat_core::{
    device::UNNAMED,
    humanize,
    stats::{DeviceStats, Stats},
};
use time::OffsetDateTime;

use super::{Frame, Moment, error, timeline};
use crate::{
    App,
    app::Now,
    http::{html, problem::Problem, route::Route},
};

const PATH: &str = "/";

/// `GET /`
pub const ROUTE: Route =
    Route { name: "home", paths: &[PATH], methods: &[Method::GET], router, needs_database: true };

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(home)).layer(super::compression())
}

#[derive(Template)]
#[template(path = "home.html")]
struct Page<'a> {
    frame: Frame<'a>,
    /// Where the stream is.
    stream: &'a str,
    stats: &'a Stats,
    /// The last beat of any device.
    last: Option<Moment>,
    recency: &'static str,
    devices: Vec<Device<'a>>,
}

/// A device as the page shows it.
struct Device<'a> {
    id: i64,
    name: &'a str,
    beats: i64,
    /// Seconds since its last beat.
    age: Option<i64>,
    last: Option<Moment>,
    /// Whether its last beat is the last of all.
    is_last: bool,
    /// Its part of all beats, in percent.
    share: String,
}

impl<'a> Device<'a> {
    fn new(device: &'a DeviceStats, stats: &Stats, now: OffsetDateTime) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a tenth of a percent is all that is shown")]
        let share = device.num_beats as f64 * 100.0 / stats.total_beats.max(1) as f64;
        Self {
            id: device.id,
            name: device.name.as_deref().unwrap_or(UNNAMED),
            beats: device.num_beats,
            age: device.last_beat.map(|then| (now.unix_timestamp() - then).max(0)),
            last: device.last_beat.and_then(Moment::at),
            is_last: device.last_beat.is_some() && device.last_beat == stats.last_seen,
            share: format!("{share:.1}"),
        }
    }
}

async fn home(State(app): State<App>, Now(now): Now, method: Method) -> Result<Response, Response> {
    let html = page(&app, now).await.map_err(error::page)?;
    Ok(super::view(&app, &method, html).await)
}

/// The page as of `now`.
async fn page(app: &App, now: OffsetDateTime) -> Result<Bytes, Problem> {
    let revision = app.heartbeat.revision(now).await?;
    if let Some(html) = app.home.get(PATH, revision) {
        return Ok(html);
    }
    let snapshot = app.heartbeat.snapshot(now).await?;
    let stats = &snapshot.stats;
    let page = Page {
        frame: Frame::new(PATH, "", super::summary(stats), &app.config),
        stream: super::stream_url(&app.config),
        stats,
        last: stats.last_seen.and_then(Moment::at),
        recency: super::recency(stats.last_seen_relative),
        devices: stats.devices.iter().map(|it| Device::new(it, stats, now)).collect(),
    };
    let html = html::render(&page)?;
    app.home.keep(PATH, revision, html.clone());
    Ok(html)
}
