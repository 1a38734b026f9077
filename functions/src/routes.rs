//! The table of routes, and the one way to make a router of some or all of them.

use std::time::Instant;

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request},
    middleware::{self, Next},
    response::Response,
};

use crate::{App, beat, devices, devices_token_generate, health, home, problem, stats};

/// The largest body that is read, in bytes.
const BODY_LIMIT: usize = 16 * 1024;

/// One route: what answers at one path.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The name of its file.
    pub name: &'static str,
    /// Its path, as axum writes it.
    pub path: &'static str,
    /// Makes its router. A route that this configuration switches off makes an empty one.
    pub router: fn(&App) -> Router<App>,
}

/// `POST /api/beat`
pub const BEAT: Route = Route { name: "beat", path: beat::PATH, router: beat::router };
/// `POST /api/devices`
pub const DEVICES: Route = Route { name: "devices", path: devices::PATH, router: devices::router };
/// `POST /api/devices/{id}/token/generate`
pub const DEVICES_TOKEN_GENERATE: Route = Route {
    name: "devices_token_generate",
    path: devices_token_generate::PATH,
    router: devices_token_generate::router,
};
/// `GET /.well-known/health`
pub const HEALTH: Route = Route { name: "health", path: health::PATH, router: health::router };
/// `GET /`
pub const HOME: Route = Route { name: "home", path: home::PATH, router: home::router };
/// `GET /api/stats`
pub const STATS: Route = Route { name: "stats", path: stats::PATH, router: stats::router };

/// Every route.
pub const ROUTES: [Route; 6] = [BEAT, DEVICES, DEVICES_TOKEN_GENERATE, HEALTH, HOME, STATS];

/// The router that answers for `routes`, for what `more` adds to them, and, with 404 and 405, for
/// everything else.
pub fn router(routes: &[Route], more: Router<App>, app: App) -> Router {
    routes
        .iter()
        .fold(more, |merged, route| merged.merge((route.router)(&app)))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(middleware::from_fn(log_request))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(app)
}

/// Logs what was asked for and how it went, never who asked, and never the path as it was sent: a
/// stranger chooses that. What went wrong on our side is worth a line at any time.
async fn log_request(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let started = Instant::now();
    let response = next.run(request).await;
    let status = response.status();
    let route = path.as_ref().map_or("none", MatchedPath::as_str);
    let microseconds = started.elapsed().as_micros();
    if status.is_server_error() {
        tracing::warn!(%method, route, status = status.as_u16(), microseconds, "request");
    } else {
        tracing::debug!(%method, route, status = status.as_u16(), microseconds, "request");
    }
    response
}
