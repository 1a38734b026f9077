//! `GET /api/stats`: the stats as JSON.

use axum::{
    Router,
    extract::State,
    http::{
        Method,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::IntoResponse,
    routing::get,
};
use heartbeat_core::stats::Stats;

use crate::{
    App,
    app::Now,
    http::{
        error_responses::ErrorResponse,
        problem::Problem,
        route::{Audience, Route},
    },
};

const PATH: &str = "/api/stats";

/// `GET /api/stats`
pub const ROUTE: Route = Route {
    name: "stats",
    paths: &[PATH],
    methods: &[Method::GET],
    router,
    audience: Audience::Public,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(stats))
}

/// Get the stats
///
/// Every beat that this server has acknowledged is in its later responses.
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "stats",
    tag = "stats",
    responses(
        (status = 200, description = "The current stats.", body = Stats,
            headers(("cache-control" = String, description = "`no-cache`"))),
        ErrorResponse<405>,
        ErrorResponse<503>,
    ),
)]
async fn stats(State(app): State<App>, Now(now): Now) -> Result<impl IntoResponse, Problem> {
    let snapshot = app.heartbeat.snapshot(now).await?;
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")];
    Ok((headers, snapshot.json_line.clone()))
}
