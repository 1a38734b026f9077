//! `GET /og.png`: the picture that a link to the pages unfolds to (Open Graph, ogp.me).

use axum::{Router, extract::State, http::HeaderMap, response::Response, routing::get};
use heartbeat_core::badge::card::Card;

use crate::{App, app::Now, conditional::ASK_AGAIN, page, pictures::Picture, problem::Problem};

pub(crate) const PATH: &str = "/og.png";

pub(crate) fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(og))
}

async fn og(State(app): State<App>, Now(now): Now, headers: HeaderMap) -> Result<Response, Response> {
    let snapshot = app.heartbeat.snapshot(now).await.map_err(|error| Problem::from(error).into_page())?;
    let card = Card::new(&app.config.server_name, snapshot.stats.last_seen_relative);
    let mut response = app.pictures.get(Picture::Card(card)).await.answer(&headers, ASK_AGAIN);
    page::protect(response.headers_mut());
    Ok(response)
}
