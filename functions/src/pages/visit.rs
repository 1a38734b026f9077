//! A view of a page: who looks, when, and what the response is made of.

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, Method, request::Parts},
    response::Response,
};
use bytes::Bytes;
use heartbeat_core::{heartbeat::history::Onlooker, stats::Stats};
use time::OffsetDateTime;

use super::history::{Shown, Wanted};
use crate::{
    App,
    http::{
        auth::client_ip,
        client_ip::{ClientIp, share_key},
        document::Document,
        live_url::LiveUrl,
        middleware::keep_private,
        problem::Problem,
        response_cache::HistoryVersion,
    },
};

/// Header of the requests with which `assets/heartbeat.js` and `assets/days.js` update a page. They are no visits.
const SCRIPT_HEADER: &str = "x-requested-with";

/// Renders a page for all who ask meanwhile, unless it is in the cache by then.
async fn render_once(
    app: &App,
    key: &str,
    render: impl AsyncFnOnce(OffsetDateTime) -> Result<Arc<Document>, Problem>,
) -> Result<Arc<Document>, Problem> {
    let flight = async {
        let now = (app.clock)();
        let version = HistoryVersion::at(now, app).await?;
        if let Some(page) = app.page_cache.get(key, version) {
            return Ok(page);
        }
        let page = render(now).await?;
        app.page_cache.insert(key, version, Arc::clone(&page));
        Ok(page)
    };
    app.page_flights.run(key, flight).await
}

/// A request for a page.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) now: OffsetDateTime,
    pub(crate) live_url: LiveUrl,
    client: ClientIp,
    method: Method,
    headers: HeaderMap,
}

impl FromRequestParts<App> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self {
            now: (app.clock)(),
            live_url: LiveUrl::of(parts, app),
            client: client_ip(parts),
            method: parts.method.clone(),
            headers: parts.headers.clone(),
        })
    }
}

impl Visit {
    /// Returns the page at `url` for `onlooker`, which shows the history of a device or of all together: from the response cache if it is there, else
    /// as `render` makes it of the stats and of what may be shown of the history. What the owner sees is in no cache.
    pub(crate) async fn page(
        &self,
        app: &App,
        onlooker: Onlooker,
        url: &str,
        (device, wanted): (Option<i64>, Wanted),
        render: impl FnOnce(&Stats, Option<&Shown>) -> Result<Bytes, Problem>,
    ) -> Result<Arc<Document>, Problem> {
        let key = self.live_url.cache_key(url);
        let is_shared = onlooker == Onlooker::Stranger;
        if is_shared && let Some(page) = app.page_cache.get(&key, HistoryVersion::at(self.now, app).await?) {
            return Ok(page);
        }
        let client = self.client.0.map(share_key);
        // In boxes of their own, as the futures of pages from the cache would have room for them.
        let render = async |now: OffsetDateTime| {
            let shown = Box::pin(Shown::read(app, onlooker, device, wanted, now, client)).await;
            let snapshot = app.heartbeat.snapshot(now).await?;
            Ok::<_, Problem>(Arc::new(Document::new(&render(&snapshot.stats, shown.as_ref())?)))
        };
        if is_shared {
            Box::pin(render_once(app, &key, render)).await
        } else {
            Box::pin(render(self.now)).await
        }
    }

    /// Returns the response with a page that `onlooker` sees, with `fills` in its gaps, and counts the visit. A `HEAD` request is no visit.
    pub(crate) async fn respond(
        &self,
        app: &App,
        onlooker: Onlooker,
        page: &Document,
        fills: &[&str],
    ) -> Response {
        let is_visit = self.method == Method::GET && !self.headers.contains_key(SCRIPT_HEADER);
        if is_visit && app.counts_visits {
            app.heartbeat.count_visit().await;
        }
        let response = page.respond(&self.headers, fills, app.page_policy.clone());
        match onlooker {
            Onlooker::Owner => keep_private(response).await,
            Onlooker::Stranger => response,
        }
    }
}
