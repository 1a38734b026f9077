//! `GET /manage`: everything at a glance.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};

use super::{SignedIn, error};
use crate::{
    App,
    app::Now,
    http::{html, live_url::LiveUrl},
    pages::Frame,
};

#[derive(Template)]
#[template(path = "manage/overview.html")]
struct Page<'a> {
    frame: Frame<'a>,
}

pub(super) async fn overview(
    _: SignedIn,
    State(app): State<App>,
    Now(now): Now,
    live_url: LiveUrl,
) -> Result<Response, Response> {
    let _stats = app.heartbeat.snapshot(now).await.map_err(error::page)?;
    let page = Page { frame: Frame::new("", "Owner", String::new(), &app.config, live_url.url()) };
    Ok(super::response(StatusCode::OK, html::render(&page).map_err(error::page)?))
}
