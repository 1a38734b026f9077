//! `GET /.well-known/health`: the health check, for load balancers and monitors.

use axum::{Router, extract::State, http::Method, response::Response, routing::get};

use crate::{
    App,
    http::route::{Audience, Route},
    pages::error,
};

const PATH: &str = "/.well-known/health";

/// `GET /.well-known/health`
pub const ROUTE: Route = Route {
    name: "health",
    paths: &[PATH],
    methods: &[Method::GET],
    router,
    audience: Audience::Public,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(health))
}

/// Check the health of the server
///
/// For load balancers and monitors. The server is healthy if the database answers; it is asked at most once a second.
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "health",
    tag = "server",
    responses(
        (status = 200, description = "`OK`", body = String, content_type = "text/plain", example = "OK"),
        (status = 405, description = "Another method. The body is an HTML page.", body = String,
            content_type = "text/html",
            headers(("allow" = String, description = "Allowed methods."))),
        (status = 503, description = "The database is unavailable. The body is an HTML page.", body = String,
            content_type = "text/html",
            headers(("retry-after" = u32, description = "Seconds until you should retry."))),
    ),
)]
async fn health(State(app): State<App>) -> Result<&'static str, Response> {
    app.heartbeat.check().await.map_err(error::page)?;
    Ok("OK")
}
