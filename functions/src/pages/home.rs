//! `GET /`: the page with the last beat, the timeline and the devices.

use std::borrow::Cow;

use askama::Template;
use axum::{Router, extract::State, http::Method, response::Response, routing::get};
use bytes::Bytes;
use heartbeat_core::{
    device::UNNAMED,
    humanize,
    recency::Recency,
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
    /// URL of the stream.
    stream: &'a str,
    /// The stats as a frame, for the script.
    json: Cow<'a, str>,
    stats: &'a Stats,
    /// What the recency means, in words.
    verdict: &'static str,
    /// Name of the device with the last beat.
    last_device: Option<&'a str>,
    /// Age of the last beat, as numbers with their units.
    age: Vec<(String, &'static str)>,
    /// Time of the last beat of any device.
    last_beat: Option<Moment>,
    recency: &'static str,
    devices: Vec<DeviceRow<'a>>,
    /// Whether devices can be registered.
    has_key: bool,
}

/// A row of the list of devices.
struct DeviceRow<'a> {
    id: i64,
    name: &'a str,
    beats: i64,
    /// Seconds since its last beat.
    age: Option<i64>,
    last_beat: Option<Moment>,
    /// Whether its last beat is the last one of all devices.
    is_last: bool,
    /// Its share of all beats, in percent.
    share: String,
}

impl<'a> DeviceRow<'a> {
    fn new(device: &'a DeviceStats, stats: &Stats) -> Self {
        Self {
            id: device.id,
            name: device.name.as_deref().unwrap_or(UNNAMED),
            beats: device.num_beats,
            age: stats.age(device),
            last_beat: device.last_beat.and_then(Moment::at),
            is_last: device.last_beat.is_some() && device.last_beat == stats.last_seen,
            share: humanize::percent(device.num_beats, stats.total_beats),
        }
    }
}

/// Returns an age as numbers and units, or as two words in their places.
fn age(seconds: i64) -> Vec<(String, &'static str)> {
    if seconds == 0 {
        return vec![("just".to_owned(), "now")];
    }
    let parts = humanize::parts(seconds).into_iter();
    parts.map(|part| (humanize::grouped(part.number), part.unit)).collect()
}

/// Returns the name of the device with the last beat, if it has a name.
fn last_device(stats: &Stats) -> Option<&str> {
    let last =
        stats.devices.iter().find(|device| device.last_beat.is_some() && device.last_beat == stats.last_seen);
    last?.name.as_deref()
}

async fn home(State(app): State<App>, Now(now): Now, method: Method) -> Result<Response, Response> {
    let html = page(&app, now).await.map_err(error::page)?;
    Ok(super::view(&app, &method, html).await)
}

/// Returns the page as of `now`, from the response cache if it is there.
async fn page(app: &App, now: OffsetDateTime) -> Result<Bytes, Problem> {
    let revision = app.heartbeat.revision(now).await?;
    if let Some(html) = app.home_cache.get(PATH, revision) {
        return Ok(html);
    }
    let snapshot = app.heartbeat.snapshot(now).await?;
    let stats = &snapshot.stats;
    let recency = Recency::of(stats.last_seen_relative);
    let page = Page {
        frame: Frame::new(PATH, "", super::summary(stats), &app.config),
        stream: super::stream_url(&app.config),
        json: String::from_utf8_lossy(&snapshot.json),
        stats,
        verdict: if recency == Recency::Now { "Here now" } else { "Last heartbeat" },
        last_device: last_device(stats),
        age: age(stats.last_seen_relative.unwrap_or(0)),
        last_beat: stats.last_seen.and_then(Moment::at),
        recency: recency.name(),
        devices: stats.devices.iter().map(|device| DeviceRow::new(device, stats)).collect(),
        has_key: app.config.secret_key.is_some(),
    };
    let html = html::render(&page)?;
    app.home_cache.insert(PATH, revision, html.clone());
    Ok(html)
}
