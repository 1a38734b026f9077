//! `GET /.well-known/health`: whether the server can do its work, for load balancers and monitors.

use axum::{Router, extract::State, response::Response, routing::get};

use crate::{App, problem::Problem};

pub(crate) const PATH: &str = "/.well-known/health";

pub(crate) fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(health))
}

/// `OK` if the database has answered within the last second.
async fn health(State(app): State<App>) -> Result<&'static str, Response> {
    app.heartbeat.check().await.map_err(|error| Problem::from(error).into_page())?;
    Ok("OK")
}
