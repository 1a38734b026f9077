//! `GET /badge/total-beats`: a badge with the number of beats.

use axum::{Router, http::Method};
use heartbeat_core::badge::Badge;

use super::BadgeKind;
use crate::{
    App,
    http::route::{Audience, Route},
};

const PATHS: &[&str] =
    &["/badge/total-beats", "/badge/total-beats.svg", "/badge/total-beats.png", "/badge/total-beats.json"];

/// `GET /badge/total-beats`
pub const ROUTE: Route = Route {
    name: "badge_total_beats",
    paths: PATHS,
    methods: &[Method::GET],
    router,
    audience: Audience::Public,
    needs_database: true,
};

const TOTAL_BEATS: BadgeKind = BadgeKind {
    label: "total beats",
    create: |label, stats, device| {
        Badge::total_beats(label, device.map_or(stats.total_beats, |index| stats.devices[index].num_beats))
    },
};

fn router(_: &App) -> Router<App> {
    super::router(PATHS, TOTAL_BEATS)
}
