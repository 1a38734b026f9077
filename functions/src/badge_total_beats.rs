//! `GET /badge/total-beats`: how many beats there were, as a small picture.

use axum::Router;
use heartbeat_core::badge::Badge;

use crate::{
    App,
    badge::{self, Figure},
};

pub(crate) const PATHS: &[&str] =
    &["/badge/total-beats", "/badge/total-beats.svg", "/badge/total-beats.png", "/badge/total-beats.json"];

const TOTAL_BEATS: Figure = Figure {
    label: "total beats",
    badge: |label, stats, device, _| {
        Badge::total_beats(label, device.map_or(stats.total_beats, |at| stats.devices[at].num_beats))
    },
};

pub(crate) fn router(_: &App) -> Router<App> {
    badge::router(PATHS, TOTAL_BEATS)
}
