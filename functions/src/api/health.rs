//! `GET /.well-known/health`: whether the server can do its work, for load balancers and monitors.

use axum::{Router, extract::State, http::Method, response::Response, routing::get};

use crate::{App, http::route::Route, pages::error};

const PATH: &str = "/.well-known/health";

/// `GET /.well-known/health`
pub const ROUTE: Route =
    Route { name: "health", paths: &[PATH], methods: &[Method::GET], router, needs_database: true };

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(health))
}

/// Whether the server can do its work
///
/// For load balancers and monitors. What counts is whether the database has answered within the last second.
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "health",
    tag = "server",
    responses(
        (status = 200, description = "`OK`", body = String, content_type = "text/plain", example = "OK"),
        (status = 405, description = "Another method: a page that says so.", body = String,
            content_type = "text/html",
            headers(("allow" = String, description = "The methods that there are."))),
        (status = 503, description = "The database is away: a page that says so.", body = String,
            content_type = "text/html",
            headers(("retry-after" = u32, description = "Seconds after which to ask again."))),
    ),
)]
async fn health(State(app): State<App>) -> Result<&'static str, Response> {
    app.heartbeat.check().await.map_err(error::page)?;
    Ok("OK")
}
