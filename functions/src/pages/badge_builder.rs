//! `GET /badges`: the builder of badges, pictures and the element, with snippets to embed them.
//!
//! - [`form`]: what is chosen.
//! - [`snippets`]: what to copy.

mod form;
mod snippets;
#[cfg(test)]
mod tests;

use askama::Template;
use axum::{
    Router,
    extract::{RawQuery, State},
    http::Method,
    response::Response,
    routing::get,
};
use heartbeat_core::{badge::Style, stats::DeviceStats};

use super::{Frame, error, visit::Visit};
use crate::{
    App,
    badges::pictures::{PARTS, WEEK_STARTS},
    http::{
        document::Document,
        html,
        onlooker::Onlooker,
        route::{Audience, Route},
    },
};
use form::{FORMATS, Form, KINDS, Kind, THEMES};
use snippets::Snippet;

const PATH: &str = "/badges";

/// `GET /badges`
pub const ROUTE: Route = Route {
    name: "badge_builder",
    paths: &[PATH],
    methods: &[Method::GET],
    router,
    audience: Audience::Public,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(badge_builder))
}

#[derive(Template)]
#[template(path = "badge_builder.html")]
struct Page<'a> {
    frame: Frame<'a>,
    form: Form<'a>,
    /// Devices and their names.
    devices: Vec<(&'a DeviceStats, String)>,
    snippets: [Snippet; 3],
}

async fn badge_builder(
    State(app): State<App>,
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Result<Response, Response> {
    let snapshot = app.heartbeat.snapshot(visit.now).await.map_err(error::page)?;
    let devices = snapshot.stats.devices.as_slice();
    let description = "Embed a heartbeat: badges, a heatmap, a card, live text.".to_owned();
    let frame = Frame::new(PATH, "Embed", description, &app.config, visit.live_url.url());
    let form = Form::parse(query.as_deref().unwrap_or_default(), devices);
    let snippets = form.snippets(|path| frame.absolute(path));
    let page = Page { frame, form, devices: form::named(devices), snippets };
    let page = Document::new(&html::render(&page).map_err(error::page)?);
    Ok(visit.respond(&app, Onlooker::Stranger, &page, &[]).await)
}
