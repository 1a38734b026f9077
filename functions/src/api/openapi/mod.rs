//! `GET /api/openapi.json`: what programs can ask this server for, as an `OpenAPI` 3.1 document. The pages,
//! made for people, are not in it.
//!
//! - `badges`: the addresses of badges.

#[cfg(feature = "badges")]
mod badges;

use std::sync::LazyLock;

use axum::{
    Router,
    http::{
        Method,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::IntoResponse,
    routing::get,
};
use bytes::Bytes;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use crate::{
    App,
    api::{beat, devices, devices::token_generate, health, stats},
    http::{
        error_responses::{Refusals, Refused},
        problem::Details,
        route::Route,
    },
};

const PATH: &str = "/api/openapi.json";

/// `GET /api/openapi.json`
pub const ROUTE: Route =
    Route { name: "openapi", paths: &[PATH], methods: &[Method::GET], router, needs_database: false };

/// The document, which is the same for as long as the program runs.
static DOCUMENT: LazyLock<Bytes> =
    LazyLock::new(|| serde_json::to_vec(&Document::openapi()).expect("text and numbers are JSON").into());

const ABOUT: &str = "\
How long ago a person's devices were last in use, and how often they were. Each device sends a *beat* about \
once a minute while it is in use.

An address that answers `GET` answers `HEAD` as well. Any other method than those described gets 405, with \
those that there are in `Allow`. Errors under `/api` are problem details (RFC 9457).";

#[derive(OpenApi)]
#[openapi(
    info(title = "Heartbeat", description = ABOUT),
    paths(
        devices::register,
        token_generate::generate,
        beat::beat,
        stats::stats,
        stream,
        health::health,
        openapi
    ),
    components(schemas(Details<'static>)),
    tags(
        (name = "devices", description = "For the owner: devices and their tokens"),
        (name = "beats", description = "For devices"),
        (name = "figures", description = "For anyone: all figures"),
        (name = "badges", description = "For anyone: one figure as a small picture"),
        (name = "server", description = "For machines: the server itself")
    ),
    modifiers(&Credentials, &Refusals, &Badges),
)]
struct Document;

/// The document as JSON.
#[must_use]
pub fn document() -> Bytes {
    DOCUMENT.clone()
}

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(openapi))
}

/// This document
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "openapi",
    tag = "server",
    responses(
        (status = 200, description = "What this server can be asked for.", body = serde_json::Value,
            headers(("cache-control" = String, description = "`no-cache`"))),
        Refused<405>,
    ),
)]
async fn openapi() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")], document())
}

/// All figures, as they change
///
/// A WebSocket (RFC 6455). It sends one text frame at once and then one each second, each with what
/// `GET /api/stats` answers at that time. Where Heartbeat runs as functions of a cloud, this address may be
/// missing: its pages then name another one for the same stream.
#[utoipa::path(
    get,
    path = "/api/stats/ws",
    operation_id = "streamStats",
    tag = "figures",
    responses(
        (status = 101, description = "The WebSocket is open.",
            headers(
                ("upgrade" = String, description = "`websocket`"),
                ("connection" = String, description = "`upgrade`"),
                ("sec-websocket-accept" = String, description = "The answer to the client's key."),
            )),
        Refused<405>,
        Refused<426>,
        Refused<503>,
    ),
)]
#[expect(dead_code, reason = "what it describes is the local server's")]
fn stream() {}

/// The ways in which somebody says who they are.
struct Credentials;

impl Modify for Credentials {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        for (name, whose) in [
            ("ownerKey", "The key that the owner has configured"),
            ("deviceToken", "The token that a device got when it was registered"),
        ] {
            let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
            let scheme = scheme.description(Some(format!("{whose}: `Authorization: Bearer …`")));
            components.add_security_scheme(name, SecurityScheme::Http(scheme.build()));
            let bare = format!("{whose}, and nothing else: `Authorization: …`");
            let bare = ApiKey::Header(ApiKeyValue::with_description("Authorization", &bare));
            components.add_security_scheme(format!("{name}Bare"), SecurityScheme::ApiKey(bare));
        }
    }
}

/// The badges, in a program that has them.
struct Badges;

impl Modify for Badges {
    #[cfg(feature = "badges")]
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        badges::describe(document);
    }

    #[cfg(not(feature = "badges"))]
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        document.tags.get_or_insert_default().retain(|tag| tag.name != "badges");
    }
}
