//! `GET /manage`: everything at a glance.

use askama::Template;
use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
};
use heartbeat_core::{
    database::delivery_state,
    device::{NAME_MAX_CHARS, OwnedDevice},
    humanize,
    recency::Recency,
    snooze::NOTE_MAX_CHARS,
};

use super::{
    SignedIn,
    alerts::Known,
    deliveries::{self, ChannelNote, DeadNote},
    devices::{self, DeviceList},
    error,
    ladder::Ladder,
    notice,
    snooze::{self, SnoozeForm},
    visibility::VisibilityForm,
};
use crate::{
    App,
    app::Now,
    http::{html, live_url::LiveUrl, number::canonical_number},
    pages::Frame,
};

#[derive(Template)]
#[template(path = "manage/overview.html")]
struct Page<'a> {
    frame: Frame<'a>,
    /// What the form before has done.
    notice: Option<&'static str>,
    verdict: &'static str,
    /// Color of the verdict: that of the last beat, unless there is something to do.
    recency: &'static str,
    last_beat: String,
    /// What can be said of the devices in one line.
    devices_sentence: String,
    total_beats: i64,
    list: DeviceList<'a>,
    ladder: Ladder,
    snooze: SnoozeForm,
    visibility: VisibilityForm,
    channels: Vec<ChannelNote>,
    dead_letters: Vec<DeadNote>,
}

pub(super) async fn overview(
    _: SignedIn,
    State(app): State<App>,
    Now(now): Now,
    live_url: LiveUrl,
    RawQuery(query): RawQuery,
) -> Result<Response, Response> {
    let heartbeat = &app.heartbeat;
    let known = Known::read(&app).await.map_err(error::page)?;
    let devices = &known.devices;
    let settings = heartbeat.settings().await.map_err(error::page)?;
    let channels = heartbeat.reads().run(delivery_state::channels).await.map_err(error::page)?;
    let letters = heartbeat.reads().run(delivery_state::dead_letters).await.map_err(error::page)?;
    let query = query.unwrap_or_default();
    let channel_notes = deliveries::notes(&channels, now);
    let last = last_beat(devices);
    let age = last.and_then(|device| devices::age(device, now));
    let page = Page {
        frame: Frame::new("", "Owner", String::new(), &app.config, live_url.url()),
        notice: notice::of_query(Some(&query)),
        verdict: verdict(age, channel_notes.is_empty()),
        recency: if channel_notes.is_empty() { Recency::of(age).name() } else { Recency::Late.name() },
        last_beat: last_beat_sentence(last, age),
        devices_sentence: devices::sentence(devices),
        total_beats: devices::total_beats(devices),
        list: DeviceList::new(devices, page_number(&query), now),
        ladder: known.ladder(now),
        snooze: SnoozeForm::new(
            heartbeat.snooze().await.map_err(error::page)?,
            &settings.effective().timezone,
        ),
        visibility: VisibilityForm::new(settings),
        channels: channel_notes,
        dead_letters: deliveries::dead(&letters, &channels),
    };
    Ok(super::response(StatusCode::OK, html::render(&page).map_err(error::page)?))
}

fn page_number(query: &str) -> usize {
    notice::parameter(query, "page").and_then(|number| canonical_number(&number)).unwrap_or(1)
}

fn last_beat(devices: &[OwnedDevice]) -> Option<&OwnedDevice> {
    devices.iter().filter(|device| device.last_beat.is_some()).max_by_key(|device| device.last_beat)
}

fn last_beat_sentence(last: Option<&OwnedDevice>, age: Option<i64>) -> String {
    match last.zip(age) {
        Some((device, age)) => {
            format!("Last heartbeat {}, on {}.", humanize::ago(age), devices::name(device))
        }
        None => "No heartbeat yet.".to_owned(),
    }
}

/// Returns in a few words whether there is anything to do.
fn verdict(age: Option<i64>, all_delivered: bool) -> &'static str {
    match (Recency::of(age), all_delivered) {
        // First of all: who relies on them would not hear of anything else.
        (_, false) => "Notifications do not arrive",
        (Recency::Never, _) => "Ready for the first heartbeat",
        (Recency::Lost, _) => "No heartbeat for long: something is probably wrong",
        _ => "All is well",
    }
}
