//! `GET /og.png`: the link preview of the pages (Open Graph, ogp.me).

use axum::{
    Extension, Router,
    extract::State,
    http::{HeaderMap, Method},
    response::Response,
    routing::get,
};
use heartbeat_core::badge::card::Card;

use super::image_cache::Image;
use crate::{
    App,
    app::Now,
    http::{
        client_ip::ClientIp,
        conditional::REVALIDATE_ALWAYS,
        html,
        route::{Audience, Route},
    },
    pages::error,
};

const PATH: &str = "/og.png";

/// `GET /og.png`
pub const ROUTE: Route = Route {
    name: "og",
    paths: &[PATH],
    methods: &[Method::GET],
    router,
    audience: Audience::Public,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(og))
}

async fn og(
    State(app): State<App>,
    Now(now): Now,
    Extension(client): Extension<ClientIp>,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let snapshot = app.heartbeat.snapshot(now).await.map_err(error::page)?;
    let card = Card::new(&app.config.server_name, &snapshot.stats);
    let image = app.image_cache.get_or_draw(Image::Card(card), client).await.map_err(error::page)?;
    let mut response = image.respond(&headers, REVALIDATE_ALWAYS);
    html::add_security_headers(response.headers_mut());
    Ok(response)
}
