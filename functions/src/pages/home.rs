//! `GET /`: the page with the last beat, the timeline and the devices.

use super::{
    EmbeddedStats, Frame, Moment, Steps, error,
    history::{Shown, Wanted, days::DaysView},
    timeline,
    visit::Visit,
};
use crate::{
    App,
    http::{
        html,
        live_url::LiveUrl,
        onlooker::Visitor,
        problem::Problem,
        route::{Audience, Route},
    },
};
use askama::Template;
use axum::{Router, extract::State, http::Method, response::Response, routing::get};
use bytes::Bytes;
use heartbeat_core::{
    device::UNNAMED,
    humanize,
    recency::Recency,
    stats::{DeviceStats, Stats},
};

const PATH: &str = "/";

/// Number of devices that the page shows, the first ones by id. More would be of no use to people, and would make the page
/// grow to megabytes. `assets/heartbeat.js` has the same number.
const MAX_DEVICES_SHOWN: usize = 100;

/// `GET /`
pub const ROUTE: Route = Route {
    name: "home",
    paths: &[PATH],
    methods: &[Method::GET],
    router,
    audience: Audience::Public,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(home))
}

#[derive(Template)]
#[template(path = "home.html")]
struct Page<'a> {
    frame: Frame<'a>,
    /// URL of the stream.
    stream: &'a str,
    /// The stats for the script.
    json: String,
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
    /// The steps in which the stats change, if they are not exact.
    steps: Option<Steps>,
    /// Today and the last seven days, if they may be shown.
    days: Option<DaysView>,
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
    /// What its age means, as style sheets name it.
    recency: &'static str,
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
            recency: stats.recency(stats.age(device)).name(),
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

/// Returns the stats for the script, with the devices that the page shows, and the one with the last beat, which it names.
/// Two such devices tell the script what many do: that the precision does not tell them apart.
fn json(stats: &Stats) -> String {
    let (shown, others) = stats.devices.split_at(stats.devices.len().min(MAX_DEVICES_SHOWN));
    let is_last = |device: &&DeviceStats| device.last_beat.is_some() && device.last_beat == stats.last_seen;
    EmbeddedStats::new(stats, shown.iter().chain(others.iter().filter(is_last).take(2)).collect()).json()
}

async fn home(
    Visitor(onlooker): Visitor,
    State(app): State<App>,
    visit: Visit,
) -> Result<Response, Response> {
    let render = |stats: &Stats, shown: Option<&Shown>| render(&app, &visit.live_url, stats, shown);
    let page =
        visit.page(&app, onlooker, PATH, (None, Wanted::Outages), render).await.map_err(error::page)?;
    Ok(visit.respond(&app, onlooker, &page, &[]).await)
}

fn render(app: &App, live_url: &LiveUrl, stats: &Stats, shown: Option<&Shown>) -> Result<Bytes, Problem> {
    let recency = stats.recency(stats.last_seen_relative);
    let page = Page {
        frame: Frame::new(PATH, "", super::summary(stats), &app.config, live_url.url()),
        stream: super::stream_url(&app.config),
        json: json(stats),
        stats,
        verdict: if recency == Recency::Now { "Here now" } else { "Last heartbeat" },
        last_device: stats.last_device().and_then(|index| stats.devices[index].name.as_deref()),
        age: age(stats.last_seen_relative.unwrap_or(0)),
        last_beat: stats.last_seen.and_then(Moment::at),
        recency: recency.name(),
        steps: Steps::of(stats),
        days: shown.map(|shown| DaysView::new(shown, stats)),
        devices: stats.devices.iter().take(MAX_DEVICES_SHOWN).map(|it| DeviceRow::new(it, stats)).collect(),
        has_key: app.config.secret_key.is_some(),
    };
    html::render(&page)
}

#[cfg(test)]
mod tests {
    use heartbeat_core::settings::Precision;

    use super::*;

    /// Ids of the devices that the script knows, out of as many as are shown and one more for each of some last beats.
    fn known(last_beats_of_others: &[i64]) -> Vec<i64> {
        let shown = (0..MAX_DEVICES_SHOWN).map(|_| 3_600);
        let last_beats = shown.chain(last_beats_of_others.iter().copied());
        let device = |(id, last_beat)| DeviceStats {
            id,
            former_id: None,
            name: None,
            last_beat: Some(last_beat),
            num_beats: 1,
        };
        let stats = Stats {
            as_of: 10_800,
            precision: Precision::Hour,
            last_seen: Some(7_200),
            last_seen_relative: Some(3_600),
            longest_absence: 3_600,
            num_visits: 0,
            total_beats: 0,
            devices: (0..).zip(last_beats).map(device).collect(),
            uptime: 10_800,
        };
        let json: serde_json::Value = serde_json::from_str(&json(&stats)).expect("JSON");
        let devices = json["devices"].as_array().expect("devices");
        devices.iter().skip(MAX_DEVICES_SHOWN).filter_map(|device| device["id"].as_i64()).collect()
    }

    #[test]
    fn the_script_knows_of_the_last_device_and_whether_there_are_several() {
        assert_eq!(known(&[3_600, 7_200, 3_600]), [101]);
        assert_eq!(known(&[7_200, 3_600, 7_200, 7_200]), [100, 102]);
    }
}
