//! `GET /api/stats`: all figures as JSON.

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
    http::{error_responses::Refused, problem::Problem, route::Route},
};

const PATH: &str = "/api/stats";

/// `GET /api/stats`
pub const ROUTE: Route =
    Route { name: "stats", paths: &[PATH], methods: &[Method::GET], router, needs_database: true };

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(stats))
}

/// All figures
///
/// A beat that was acknowledged is in every later answer of the same server.
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "stats",
    tag = "figures",
    responses(
        (status = 200, description = "The figures as of now.", body = Stats,
            headers(("cache-control" = String, description = "`no-cache`"))),
        Refused<405>,
        Refused<503>,
    ),
)]
async fn stats(State(app): State<App>, Now(now): Now) -> Result<impl IntoResponse, Problem> {
    let snapshot = app.heartbeat.snapshot(now).await?;
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")];
    Ok((headers, snapshot.json.clone()))
}
