//! `POST /api/beat`: a device says that it is in use.

use axum::{Router, extract::State, routing::post};

use crate::{App, app::Now, auth::DeviceToken, problem::Problem};

pub(crate) const PATH: &str = "/api/beat";

pub(crate) fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, post(beat))
}

/// Records a beat and answers the Unix time, in seconds, at which it was recorded.
async fn beat(
    State(app): State<App>,
    DeviceToken(token): DeviceToken,
    Now(now): Now,
) -> Result<String, Problem> {
    app.heartbeat.beat(token, now).await?;
    Ok(now.unix_timestamp().to_string())
}
