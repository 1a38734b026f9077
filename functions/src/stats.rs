//! `GET /api/stats`: all figures as JSON.

use axum::{
    Router,
    extract::State,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};

use crate::{App, app::Now, problem::Problem};

pub(crate) const PATH: &str = "/api/stats";

pub(crate) fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(stats))
}

async fn stats(State(app): State<App>, Now(now): Now) -> Result<impl IntoResponse, Problem> {
    let snapshot = app.heartbeat.snapshot(now).await?;
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")];
    Ok((headers, snapshot.json.clone()))
}
