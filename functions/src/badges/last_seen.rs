//! `GET /badge/last-seen`: a badge with the age of the last beat.

use axum::{Router, http::Method};
use heartbeat_core::badge::Badge;

use super::BadgeKind;
use crate::{
    App,
    http::route::{Audience, Route},
};

const PATHS: &[&str] =
    &["/badge/last-seen", "/badge/last-seen.svg", "/badge/last-seen.png", "/badge/last-seen.json"];

/// `GET /badge/last-seen`
pub const ROUTE: Route = Route {
    name: "badge_last_seen",
    paths: PATHS,
    methods: &[Method::GET],
    router,
    audience: Audience::Public,
    needs_database: true,
};

const LAST_SEEN: BadgeKind = BadgeKind {
    label: "last online",
    create: |label, stats, device| {
        let seconds = match device {
            None => stats.last_seen_relative,
            Some(index) => stats.age(&stats.devices[index]),
        };
        Badge::last_seen(label, seconds, stats.recency(seconds))
    },
};

fn router(_: &App) -> Router<App> {
    super::router(PATHS, LAST_SEEN)
}
