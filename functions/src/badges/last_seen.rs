//! `GET /badge/last-seen`: how long ago the last beat was, as a small picture.

use axum::{Router, http::Method};
use heartbeat_core::badge::Badge;

use super::Figure;
use crate::{App, http::route::Route};

const PATHS: &[&str] =
    &["/badge/last-seen", "/badge/last-seen.svg", "/badge/last-seen.png", "/badge/last-seen.json"];

/// `GET /badge/last-seen`
pub const ROUTE: Route =
    Route { name: "badge_last_seen", paths: PATHS, methods: &[Method::GET], router, needs_database: true };

const LAST_SEEN: Figure = Figure {
    label: "last online",
    badge: |label, stats, device, now| {
        let seconds = match device {
            None => stats.last_seen_relative,
            Some(at) => stats.devices[at].last_beat.map(|then| (now.unix_timestamp() - then).max(0)),
        };
        Badge::last_seen(label, seconds)
    },
};

fn router(_: &App) -> Router<App> {
    super::router(PATHS, LAST_SEEN)
}
