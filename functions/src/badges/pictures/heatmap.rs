//! `GET /heatmap.svg`: a year of presence as squares, one a day.

use axum::{
    Router,
    http::{Method, StatusCode},
};
use heartbeat_core::{
    badge::picture::heatmap::{Heatmap, Year},
    heartbeat::history::Onlooker,
    presence::{Days, Step},
};
use time::{Date, Duration, Month, OffsetDateTime};

use super::{BadgeError, Kind, Parameters};
use crate::{
    App,
    badges::device_index,
    http::{
        client_ip::{ClientIp, share_key},
        route::{Audience, Route},
    },
};

const PATHS: &[&str] = &["/heatmap.svg", "/heatmap.png"];

/// `GET /heatmap.svg`
pub const ROUTE: Route = Route {
    name: "heatmap",
    paths: PATHS,
    methods: &[Method::GET],
    router,
    audience: Audience::Public,
    needs_database: true,
};

/// First year that can be asked for: that of Unix time.
pub(crate) const FIRST_YEAR: i32 = 1970;

fn router(_: &App) -> Router<App> {
    super::router(PATHS, Kind::Heatmap)
}

pub(super) async fn create(
    app: &App,
    parameters: &Parameters,
    now: OffsetDateTime,
    client: ClientIp,
) -> Result<Heatmap, BadgeError> {
    let view = app.heartbeat.history(Onlooker::Stranger, now).await?;
    if !view.shows(Step::Day) {
        return Err(BadgeError { status: StatusCode::FORBIDDEN, message: "history is not public".into() });
    }
    let snapshot = app.heartbeat.snapshot(now).await?;
    let stats = &snapshot.stats;
    let device = parameters.device.as_deref().map(|id| device_index(stats, id)).transpose()?;
    let device = device.map(|index| &stats.devices[index]);
    let today = super::last_known_day(&view);
    let (days, name) = days(parameters.year, today)?;
    let presence =
        app.heartbeat.presence(&view, device.map(|it| it.id), &days, client.0.map(share_key)).await?;
    let sums = view.of(presence).sums(Step::Day, &view.timezone, &days);
    let set_up = OffsetDateTime::from_unix_timestamp(stats.as_of - stats.uptime).unwrap_or(now);
    let year = Year { days, name: &name, sums: &sums, set_up: view.timezone.date(set_up), today };
    let device = device.and_then(|device| device.name.as_deref());
    Ok(Heatmap::new(&year, device, parameters.label.as_deref(), parameters.week_start))
}

/// Returns the days of a year, or the last 365 until `today`, and what they are called.
fn days(year: Option<i32>, today: Date) -> Result<(Days, String), BadgeError> {
    let Some(year) = year else {
        let first = today.saturating_sub(Duration::days(364));
        return Ok((first..=today, "in the last year".to_owned()));
    };
    let day = |month, day| Date::from_calendar_date(year, month, day).ok();
    let known = Some(year).filter(|year| (FIRST_YEAR..=today.year()).contains(year));
    let days = known.and_then(|_| Some(day(Month::January, 1)?..=day(Month::December, 31)?));
    let message = || format!("year: not from {FIRST_YEAR} to {}", today.year()).into();
    let days = days.ok_or_else(|| BadgeError { status: StatusCode::BAD_REQUEST, message: message() })?;
    Ok((days, format!("in {year}")))
}
