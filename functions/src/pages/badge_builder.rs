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
    http::{HeaderMap, Method},
    response::Response,
    routing::get,
};
use heartbeat_core::{badge::Style, stats::DeviceStats};

use super::{Frame, error};
use crate::{
    App,
    app::Now,
    badges::pictures::{PARTS, WEEK_STARTS},
    http::{
        document::Document,
        html,
        live_url::LiveUrl,
        route::{Audience, Route},
    },
};
use form::{FORMATS, Form, KINDS, Kind, THEMES};
use snippets::Snippet;

const PATH: &str = "/badges";

/// Header of the requests with which `assets/heartbeat.js` updates the page. They are no visits.
const SCRIPT_HEADER: &str = "x-requested-with";

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
    Now(now): Now,
    live_url: LiveUrl,
    method: Method,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Response> {
    let snapshot = app.heartbeat.snapshot(now).await.map_err(error::page)?;
    let devices = snapshot.stats.devices.as_slice();
    let description = "Embed a heartbeat: badges, a heatmap, a card, live text.".to_owned();
    let frame = Frame::new(PATH, "Embed", description, &app.config, live_url.url());
    let form = Form::parse(query.as_deref().unwrap_or_default(), devices);
    let snippets = form.snippets(|path| frame.absolute(path));
    let page = Page { frame, form, devices: form::named(devices), snippets };
    let page = Document::new(&html::render(&page).map_err(error::page)?);
    if headers.contains_key(SCRIPT_HEADER) {
        return Ok(page.respond(&headers, &[], app.page_policy.clone()));
    }
    Ok(super::view(&app, &method, &headers, &page, &[]).await)
}
