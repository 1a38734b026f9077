//! `GET /api/openapi.json`: the API as an `OpenAPI` 3.1 document. The pages, which are for people, are not in it.
//!
//! - `badges`: the operations of badges.
//! - `channels`: the operations on channels.
//! - `pictures`: the operations of the heatmap and the card.
//! - `webhooks`: what channels of the kind `webhook` send.

#[cfg(feature = "badges")]
mod badges;
#[cfg(feature = "webhook")]
mod channels;
#[cfg(feature = "badges")]
mod pictures;
#[cfg(feature = "webhook")]
mod webhooks;

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
    Modify, OpenApi, ToSchema,
    openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use crate::{
    App,
    api::{
        absences,
        alerts::{self, alert, preview},
        beat, devices,
        devices::{device, editor_key, pairing, token_generate},
        health, history, metrics, ok, pair, snooze, stats,
        wakatime::heartbeats,
    },
    http::{
        cookies::{CookieName, Transport},
        error_responses::{ErrorResponse, ErrorResponses},
        problem::Details,
        route::{Audience, Route},
    },
};

const PATH: &str = "/api/openapi.json";

/// `GET /api/openapi.json`
pub const ROUTE: Route = Route {
    name: "openapi",
    paths: &[PATH],
    methods: &[Method::GET],
    router,
    audience: Audience::Public,
    needs_database: false,
};

/// The serialized document, which does not change while the program runs.
static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| {
    let mut json = serde_json::to_vec(&Document::openapi()).expect("text and numbers are JSON");
    json.push(b'\n');
    json.into()
});

const DESCRIPTION: &str = "\
The time since a person's devices were last in use, and how often they were. Each device sends a *beat* about \
once a minute while it is in use.

Every path that supports `GET` supports `HEAD` as well. Other methods than those described answer 405, with the \
allowed methods in `Allow`. Errors below `/api` are problems (RFC 9457).";

#[derive(OpenApi)]
#[openapi(
    info(title = "Heartbeat", description = DESCRIPTION),
    paths(
        devices::list,
        devices::register,
        device::show,
        device::change,
        device::erase,
        token_generate::generate,
        editor_key::replace,
        editor_key::remove,
        pairing::start,
        pair::redeem,
        beat::beat,
        heartbeats::bulk,
        heartbeats::single,
        alerts::list,
        alerts::add,
        alert::show,
        alert::change,
        alert::delete,
        alerts::test::test,
        preview::preview,
        snooze::show,
        snooze::set,
        snooze::end,
        ok::record,
        history::history,
        absences::absences,
        stats::stats,
        stream,
        health::health,
        metrics::metrics,
        openapi
    ),
    components(schemas(Details<'static>, absences::OrderName)),
    tags(
        (name = "devices", description = "Devices, their tokens and editor keys, for the owner"),
        (name = "pairing", description = "Pairing codes: the owner makes them, and a device trades one for its token"),
        (name = "owner", description = "What the owner says of themselves"),
        (name = "channels", description = "Channels: where notifications go, for the owner"),
        (name = "alerts", description = "Alerts: who is told while an absence lasts, for the owner"),
        (name = "beats", description = "Beats, for devices"),
        (name = "editors", description = "Beats, for editors with a plugin of WakaTime's"),
        (name = "stats", description = "The stats, as JSON and as a stream"),
        (name = "history", description = "When beats came"),
        (name = "badges", description = "Badges and larger images for READMEs"),
        (name = "server", description = "The server itself")
    ),
    modifiers(&SecuritySchemes, &ErrorResponses, &Badges, &Channels),
)]
struct Document;

/// Returns the document as JSON.
#[must_use]
pub fn document() -> Bytes {
    DOCUMENT.clone()
}

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(openapi))
}

/// Get this document
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "openapi",
    tag = "server",
    responses(
        (status = 200, description = "The `OpenAPI` document.", body = serde_json::Value,
            headers(("cache-control" = String, description = "`no-cache`"))),
        ErrorResponse<405>,
    ),
)]
async fn openapi() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")], document())
}

/// Stream the stats
///
/// A WebSocket (RFC 6455). The server sends a text frame at once and then one each second, or only at changes. Each holds
/// the body that `GET /api/stats` returns at that time. On AWS Lambda, this path may be missing: the pages then name
/// another URL of the same stream, which sends a frame each second in any case.
#[utoipa::path(
    get,
    path = "/api/stats/ws",
    operation_id = "streamStats",
    tag = "stats",
    params(
        ("frames" = inline(Option<StreamFrames>), Query, description = "`changes`: after the first frame, one when \
            anything but the time has changed, at most one a second; and one after half a minute without any, as a sign \
            of life. An empty value is ignored."),
    ),
    responses(
        (status = 101, description = "The WebSocket is open.",
            headers(
                ("upgrade" = String, description = "`websocket`"),
                ("connection" = String, description = "`upgrade`"),
                ("sec-websocket-accept" = String, description = "The response to the client's key."),
            )),
        ErrorResponse<400>,
        ErrorResponse<405>,
        ErrorResponse<426>,
        ErrorResponse<503>,
    ),
)]
#[expect(dead_code, reason = "the local server implements the operation")]
fn stream() {}

/// Values of the parameter `frames` of the stream.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "the local server parses the parameter")]
enum StreamFrames {
    Changes,
}

/// Adds the security schemes: the secret key and the token, each with and without `Bearer`, what editors send, and the cookie of
/// a session.
struct SecuritySchemes;

impl Modify for SecuritySchemes {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        for (name, credential) in [
            ("ownerKey", "Secret key of the owner, as configured"),
            ("deviceToken", "Token of a device, as returned when it was registered"),
            ("metricsToken", "Token for the metrics, as configured"),
        ] {
            let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
            let scheme = scheme.description(Some(format!("{credential}: `Authorization: Bearer …`")));
            components.add_security_scheme(name, SecurityScheme::Http(scheme.build()));
            let bare = format!("{credential}, without a scheme: `Authorization: …`");
            let bare = ApiKey::Header(ApiKeyValue::with_description("Authorization", &bare));
            components.add_security_scheme(format!("{name}Bare"), SecurityScheme::ApiKey(bare));
        }
        let editor = HttpBuilder::new().scheme(HttpAuthScheme::Basic).description(Some(
            "Editor key or token of a device as the user, without a password. The colon may be missing, as WakaTime's \
             clients leave it out.",
        ));
        components.add_security_scheme("editorKey", SecurityScheme::Http(editor.build()));
        let session = ApiKey::Cookie(ApiKeyValue::with_description(
            Transport::Https.full_name(CookieName::Session),
            &format!(
                "Session of the owner, as signing in at `/manage` begins it; without HTTPS, on the server's own machine, \
                 `{}`. Requests that change something must come from the server's own pages. Where there is an \
                 `Authorization`, that alone counts.",
                Transport::Loopback.full_name(CookieName::Session)
            ),
        ));
        components.add_security_scheme("ownerSession", SecurityScheme::ApiKey(session));
    }
}

/// Adds the badges and pictures, or removes their tag from a program without them.
struct Badges;

impl Modify for Badges {
    #[cfg(feature = "badges")]
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        badges::add_operations(document);
        pictures::add_operations(document);
    }

    #[cfg(not(feature = "badges"))]
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        document.tags.get_or_insert_default().retain(|tag| tag.name != "badges");
    }
}

/// Adds the channels and what they send, or removes their tag from a program without them.
struct Channels;

impl Modify for Channels {
    #[cfg(feature = "webhook")]
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        channels::add_operations(document);
        webhooks::add(document);
    }

    #[cfg(not(feature = "webhook"))]
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        document.tags.get_or_insert_default().retain(|tag| tag.name != "channels");
    }
}
