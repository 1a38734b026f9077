//! `GET /card.svg`: a status card with the last beat, today's timeline and a few figures.

use axum::{Router, http::Method};
use heartbeat_core::{
    badge::{
        picture::status_card::{StatusCard, Timeline},
        text::Text,
    },
    heartbeat::history::{HistoryView, Onlooker},
    presence::{Presence, Step},
    settings::Timezone,
};
use time::{Date, Duration, OffsetDateTime};

use super::{BadgeError, Kind, Parameters};
use crate::{
    App,
    badges::device_index,
    http::{
        client_ip::{ClientIp, share_key},
        route::{Audience, Route},
    },
};

const PATHS: &[&str] = &["/card.svg", "/card.png"];

/// `GET /card.svg`
pub const ROUTE: Route = Route {
    name: "card",
    paths: PATHS,
    methods: &[Method::GET],
    router,
    audience: Audience::Public,
    needs_database: true,
};

/// Days whose sums are shown where hours may not be.
const WEEK: i64 = 7;

/// Seconds of a day by the wall clock.
const DAY_SECONDS: u32 = 86_400;

fn router(_: &App) -> Router<App> {
    super::router(PATHS, Kind::Card)
}

pub(super) async fn create(
    app: &App,
    parameters: &Parameters,
    now: OffsetDateTime,
    client: ClientIp,
) -> Result<StatusCard, BadgeError> {
    let snapshot = app.heartbeat.snapshot(now).await?;
    let stats = &snapshot.stats;
    let device = parameters.device.as_deref().map(|id| device_index(stats, id)).transpose()?;
    let device = device.map(|index| &stats.devices[index]);
    let age = device.map_or(stats.last_seen_relative, |device| stats.age(device));
    let name = device.and_then(|device| device.name.as_deref()).unwrap_or(&app.config.server_name);
    let name = parameters.label.as_deref().unwrap_or(name);
    let timeline = if parameters.shows("timeline") {
        timeline(app, device.map(|device| device.id), now, client).await?
    } else {
        None
    };
    let beats = device.map_or(stats.total_beats, |device| device.num_beats);
    // Of absences, only those of all devices together are known.
    let longest = device.is_none().then_some(stats.longest_absence);
    Ok(StatusCard {
        name: parameters.shows("name").then(|| Text::new(name)),
        last_seen: parameters.shows("last-seen").then(|| (age, stats.recency(age))),
        timeline,
        beats: parameters.shows("beats").then_some(beats),
        longest_absence: longest.filter(|_| parameters.shows("longest-absence")),
    })
}

/// Returns as much of the history as strangers may see: today's hours, or the sums of the last days.
async fn timeline(
    app: &App,
    device: Option<i64>,
    now: OffsetDateTime,
    client: ClientIp,
) -> Result<Option<Timeline>, BadgeError> {
    let view = app.heartbeat.history(Onlooker::Stranger, now).await?;
    if !view.shows(Step::Day) {
        return Ok(None);
    }
    let last = super::last_known_day(&view);
    let days = last.saturating_sub(Duration::days(WEEK - 1))..=last;
    let presence = app.heartbeat.presence(&view, device, &days, client.0.map(share_key)).await?;
    let presence = view.of(presence);
    if view.shows(Step::Quarter) {
        return Ok(Some(day(&view, &presence, last)));
    }
    let sums = presence.sums(Step::Day, &view.timezone, &days);
    let minutes = |day: Date| sums.iter().find(|sum| sum.start.date() == day).map_or(0, |sum| sum.minutes);
    let days = (0..WEEK).map(|ago| last.saturating_sub(Duration::days(WEEK - 1 - ago)));
    Ok(Some(Timeline::Days(days.map(|day| (day, minutes(day))).collect())))
}

/// Returns the timeline of a day.
fn day(view: &HistoryView, presence: &Presence, day: Date) -> Timeline {
    let start = view.timezone.moment(&format!("{day}T00:00")).unwrap_or(view.until);
    let end = day.next_day().and_then(|next| view.timezone.moment(&format!("{next}T00:00")));
    let end = end.unwrap_or(view.until).min(view.until);
    let second = |time| second_of(&view.timezone, day, time);
    let until = second(end);
    let step = 60 * u32::from(view.grain());
    let span = |start: u32, end: u32| (start - start % step, end.next_multiple_of(step).min(until));
    let spans = presence.spans(start, end).into_iter();
    let sums = presence.sums(Step::Day, &view.timezone, &(day..=day));
    let date = || format!("{} {} {}", day.weekday(), day.day(), day.month());
    Timeline::Day {
        name: if day == view.today { "Today".to_owned() } else { date() },
        spans: spans.map(|it| span(second(it.start), second(it.end))).collect(),
        until,
        minutes: sums.first().map_or(0, |sum| sum.minutes),
    }
}

/// Returns the second of a day at which the clocks of the time zone show `time`; after that day, its end.
fn second_of(timezone: &Timezone, day: Date, time: OffsetDateTime) -> u32 {
    if timezone.date(time) > day {
        return DAY_SECONDS;
    }
    let local = timezone.local(time).map(|local| local.time());
    let parts = local.map_or([0; 3], |local| [local.hour(), local.minute(), local.second()]);
    parts.into_iter().fold(0, |seconds, part| 60 * seconds + u32::from(part.unsigned_abs()))
}
