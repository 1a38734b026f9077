//! The table of routes, and the one way to make a router of some or all of them. A route declares its
//! name, its paths and its needs in its own file.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn_with_state, map_response},
    routing::any,
};
use heartbeat_core::Config;

pub use crate::http::route::{Audience, Route};
use crate::{
    App, api,
    http::middleware,
    pages::{self, error},
};
#[cfg(feature = "badges")]
use crate::{badges, pages::badge_builder};

/// The largest request body that is read, in bytes, unless a route sets another maximum.
const BODY_MAX_BYTES: usize = 16 * 1024;

/// Every route.
pub const ROUTES: &[Route] = &[
    api::absences::ROUTE,
    api::alerts::ROUTE,
    api::alerts::alert::ROUTE,
    api::alerts::preview::ROUTE,
    api::alerts::test::ROUTE,
    api::beat::ROUTE,
    #[cfg(feature = "webhook")]
    api::channels::ROUTE,
    #[cfg(feature = "webhook")]
    api::channels::channel::ROUTE,
    #[cfg(feature = "webhook")]
    api::channels::resend::ROUTE,
    #[cfg(feature = "webhook")]
    api::channels::test::ROUTE,
    api::devices::ROUTE,
    api::devices::device::ROUTE,
    api::devices::editor_key::ROUTE,
    api::devices::pairing::ROUTE,
    api::devices::token_generate::ROUTE,
    api::health::ROUTE,
    api::history::ROUTE,
    api::metrics::ROUTE,
    api::ok::ROUTE,
    api::openapi::ROUTE,
    api::pair::ROUTE,
    api::snooze::ROUTE,
    api::stats::ROUTE,
    api::wakatime::heartbeats::ROUTE,
    pages::assets::ROUTE,
    #[cfg(feature = "badges")]
    badge_builder::ROUTE,
    pages::embed::ROUTE,
    pages::home::ROUTE,
    pages::links::ROUTE,
    pages::manage::ROUTE,
    pages::pair::ROUTE,
    pages::privacy::ROUTE,
    pages::stats::ROUTE,
    #[cfg(feature = "badges")]
    badges::last_seen::ROUTE,
    #[cfg(feature = "badges")]
    badges::og::ROUTE,
    #[cfg(feature = "badges")]
    badges::pictures::card::ROUTE,
    #[cfg(feature = "badges")]
    badges::pictures::heatmap::ROUTE,
    #[cfg(feature = "badges")]
    badges::total_beats::ROUTE,
];

/// Returns the router that answers for `routes`, for what `more` adds to them, and, with 404 and 405, for
/// everything else.
pub fn router(routes: &[Route], more: Router<App>, app: App) -> Router {
    routes
        .iter()
        .fold(more, |merged, route| merged.merge(router_of(route, &app)))
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(from_fn_with_state(app.clone(), middleware::every_response))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .with_state(app)
}

/// Returns the router of one route.
fn router_of(route: &Route, app: &App) -> Router<App> {
    match route.audience {
        Audience::Public => (route.router)(app),
        Audience::Owner | Audience::Guest | Audience::Monitoring
            if has_secret(route.audience, &app.config) =>
        {
            let router = (route.router)(app).method_not_allowed_fallback(error::method_not_allowed);
            router.layer(map_response(middleware::keep_private))
        }
        Audience::Owner | Audience::Guest | Audience::Monitoring => {
            let paths = route.paths.iter();
            paths.fold(Router::new(), |router, path| router.route(path, any(error::no_secret_key)))
        }
    }
}

/// Whether the configuration has a secret that opens the routes of this audience.
fn has_secret(audience: Audience, config: &Config) -> bool {
    config.secret_key.is_some() || (audience == Audience::Monitoring && config.metrics_token.is_some())
}
