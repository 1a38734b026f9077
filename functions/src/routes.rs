//! The table of routes, and the one way to make a router of some or all of them.

use std::time::Instant;

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    http::{HeaderValue, Method, StatusCode, header::ACCESS_CONTROL_ALLOW_ORIGIN},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};

use crate::{
    App, assets, beat,
    client_address::{Peer, client_address},
    devices, devices_token_generate, health, home, openapi, privacy,
    problem::{self, Problem},
    stats, stats_page,
};
#[cfg(feature = "badges")]
use crate::{badge_last_seen, badge_total_beats, badges, og};

/// The largest body that is read, in bytes.
const BODY_LIMIT: usize = 16 * 1024;

/// One route: what answers at one path, or at a few that differ in a detail.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The name of its file.
    pub name: &'static str,
    /// Its paths, as axum writes them.
    pub paths: &'static [&'static str],
    /// Makes its router. A route that this configuration switches off makes an empty one.
    pub router: fn(&App) -> Router<App>,
}

/// `POST /api/beat`
pub const BEAT: Route = Route { name: "beat", paths: &[beat::PATH], router: beat::router };
/// `POST /api/devices`
pub const DEVICES: Route = Route { name: "devices", paths: &[devices::PATH], router: devices::router };
/// `POST /api/devices/{id}/token/generate`
pub const DEVICES_TOKEN_GENERATE: Route = Route {
    name: "devices_token_generate",
    paths: &[devices_token_generate::PATH],
    router: devices_token_generate::router,
};
/// `GET /.well-known/health`
pub const HEALTH: Route = Route { name: "health", paths: &[health::PATH], router: health::router };
/// `GET /`
pub const HOME: Route = Route { name: "home", paths: &[home::PATH], router: home::router };
/// `GET /api/openapi.json`
pub const OPENAPI: Route = Route { name: "openapi", paths: &[openapi::PATH], router: openapi::router };
/// `GET /api/stats`
pub const STATS: Route = Route { name: "stats", paths: &[stats::PATH], router: stats::router };

/// `GET /assets/{file}`
pub const ASSETS: Route = Route { name: "assets", paths: assets::PATHS, router: assets::router };
/// `GET /badge/last-seen`
#[cfg(feature = "badges")]
pub const BADGE_LAST_SEEN: Route =
    Route { name: "badge_last_seen", paths: badge_last_seen::PATHS, router: badge_last_seen::router };
/// `GET /badge/total-beats`
#[cfg(feature = "badges")]
pub const BADGE_TOTAL_BEATS: Route =
    Route { name: "badge_total_beats", paths: badge_total_beats::PATHS, router: badge_total_beats::router };
/// `GET /badges`
#[cfg(feature = "badges")]
pub const BADGES: Route = Route { name: "badges", paths: &[badges::PATH], router: badges::router };
/// `GET /og.png`
#[cfg(feature = "badges")]
pub const OG: Route = Route { name: "og", paths: &[og::PATH], router: og::router };
/// `GET /privacy`
pub const PRIVACY: Route = Route { name: "privacy", paths: &[privacy::PATH], router: privacy::router };
/// `GET /stats`
pub const STATS_PAGE: Route =
    Route { name: "stats_page", paths: &[stats_page::PATH], router: stats_page::router };

/// Every route.
pub const ROUTES: &[Route] = &[
    ASSETS,
    #[cfg(feature = "badges")]
    BADGE_LAST_SEEN,
    #[cfg(feature = "badges")]
    BADGE_TOTAL_BEATS,
    #[cfg(feature = "badges")]
    BADGES,
    BEAT,
    DEVICES,
    DEVICES_TOKEN_GENERATE,
    HEALTH,
    HOME,
    #[cfg(feature = "badges")]
    OG,
    OPENAPI,
    PRIVACY,
    STATS,
    STATS_PAGE,
];

/// The router that answers for `routes`, for what `more` adds to them, and, with 404 and 405, for
/// everything else.
pub fn router(routes: &[Route], more: Router<App>, app: App) -> Router {
    routes
        .iter()
        .fold(more, |merged, route| merged.merge((route.router)(&app)))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(middleware::from_fn_with_state(app.clone(), around))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(app)
}

/// What holds for each answer, whatever the route.
async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let peer = request.extensions().get::<Peer>();
    let client = peer.and_then(|peer| client_address(*peer, request.headers(), &app.config.trusted_proxies));
    let started = Instant::now();
    let mut response = next.run(request).await;
    if response.status() == StatusCode::UNAUTHORIZED {
        let wait = client.and_then(|client| app.failures.note(client, (app.clock)()));
        response = wait
            .map_or(response, |wait| Problem::TooManyRequests(wait.whole_seconds().max(1)).into_response());
    }
    // Whatever can be got without a secret, the scripts of other sites may get, too.
    if path.is_some() && method.is_safe() && response.status() != StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    log(&method, path.as_ref(), response.status(), started);
    response
}

/// Logs what was asked for and how it went, never who asked, and never the path as it was sent: a
/// stranger chooses that. A defect of ours is worth a line at any time; an outage, which strangers can ask about
/// as often as they like, is logged where it is found.
fn log(method: &Method, path: Option<&MatchedPath>, status: StatusCode, started: Instant) {
    let route = path.map_or("none", MatchedPath::as_str);
    let microseconds = started.elapsed().as_micros();
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::warn!(%method, route, status = status.as_u16(), microseconds, "request");
    } else {
        tracing::debug!(%method, route, status = status.as_u16(), microseconds, "request");
    }
}
