//! `GET /badge/last-seen`: how long ago the last beat was, as a small picture.

use axum::Router;
use heartbeat_core::badge::Badge;

use crate::{
    App,
    badge::{self, Figure},
};

pub(crate) const PATHS: &[&str] =
    &["/badge/last-seen", "/badge/last-seen.svg", "/badge/last-seen.png", "/badge/last-seen.json"];

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

pub(crate) fn router(_: &App) -> Router<App> {
    badge::router(PATHS, LAST_SEEN)
}
