//! `GET /api/alerts/preview`: when an alert would have fired.

use axum::{
    Router,
    extract::{RawQuery, State},
    http::Method,
    routing::get,
};
use heartbeat_core::{
    Error,
    alert::{
        After, Window,
        preview::{Preview, PreviewedFiring},
    },
};
use serde::Serialize;
use time::OffsetDateTime;
use url::form_urlencoded;
use utoipa::{IntoParams, ToSchema};

use super::parse::{AfterText, WindowText};
use crate::{
    App,
    http::{
        auth::Owner,
        error_responses::ErrorResponse,
        json::JsonLine,
        number::canonical_number,
        problem::{Details, PROBLEM_JSON, Problem},
        route::{Audience, Route},
    },
};

const PATH: &str = "/api/alerts/preview";

/// `GET /api/alerts/preview`
pub const ROUTE: Route = Route {
    name: "alerts_preview",
    paths: &[PATH],
    methods: &[Method::GET],
    router,
    audience: Audience::Owner,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(preview))
}

/// An alert to preview. Parameters with an empty value are taken as left out, as forms send them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "`parse` reads the parameters")]
struct Previewed {
    /// Length of the absence, `10m` to `366d`, or `unusual`.
    after: AfterText,
    /// Id of the device whose absence it is; by default, that of all that are signs of life.
    #[param(minimum = 0, example = 0)]
    device: Option<i64>,
    /// Time of the day that is not counted.
    rest: Option<WindowText>,
}

/// When an alert would have fired in the last year.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AlertPreview)]
pub(crate) struct ShownPreview {
    /// Length of the absence that it tells of at present; `null` while too little is known of what is unusual.
    #[schema(required, example = "36h")]
    effective_after: Option<String>,
    /// When it would have fired, the newest first: 366 at most.
    firings: Vec<ShownFiring>,
    /// The first beat that it looks at; `null` if there is none, or older beats are still being read.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, required, example = "2025-11-26T20:05:00Z")]
    data_since: Option<OffsetDateTime>,
}

/// A firing that might have been.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PreviewedFiring)]
pub(crate) struct ShownFiring {
    /// When it would have fired.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-08-03T08:12:00Z")]
    fired_at: OffsetDateTime,
    /// The last beat before the absence.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-08-01T20:12:00Z")]
    since: OffsetDateTime,
    /// When the absence ended; `null` while it goes on.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, required, example = "2026-08-03T19:40:00Z")]
    ended_at: Option<OffsetDateTime>,
}

impl From<Preview> for ShownPreview {
    fn from(preview: Preview) -> Self {
        Self {
            effective_after: preview.effective_after.map(|span| span.to_string()),
            firings: preview.firings.into_iter().map(ShownFiring::from).collect(),
            data_since: preview.data_since,
        }
    }
}

impl From<PreviewedFiring> for ShownFiring {
    fn from(firing: PreviewedFiring) -> Self {
        Self { fired_at: firing.fired_at, since: firing.since, ended_at: firing.ended_at }
    }
}

/// Preview an alert
///
/// Returns when such an alert would have fired in the last year. Unknown parameters are ignored.
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "previewAlert",
    tag = "alerts",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    params(Previewed),
    responses(
        (status = 200, description = "When it would have fired.", body = ShownPreview,
            headers(("cache-control" = String, description = "`no-store`: only the owner may see this."))),
        ErrorResponse<400>,
        ErrorResponse<401>,
        (status = 404, description = "The server has no secret key, so it has no owner.",
            body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn preview(
    _: Owner,
    State(app): State<App>,
    RawQuery(query): RawQuery,
) -> Result<JsonLine<ShownPreview>, Problem> {
    let (after, device, rest) = parse(query.as_deref().unwrap_or_default())?;
    let preview = app.heartbeat.preview(after, device, rest).await.map_err(|error| match error {
        Error::UnknownDevice => not_a("device", "the id of a device"),
        other => other.into(),
    })?;
    Ok(JsonLine(preview.into()))
}

/// Parses a query.
fn parse(query: &str) -> Result<(After, Option<i64>, Option<Window>), Problem> {
    let parameter = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value).filter(|value| !value.is_empty())
    };
    let after = parameter("after")
        .ok_or_else(|| Problem::BadRequest("The parameter \"after\" is missing.".to_owned()))?;
    let after = After::parse(&after).map_err(|expected| not_a("after", expected))?;
    let device = parameter("device")
        .map(|id| canonical_number(&id).ok_or_else(|| not_a("device", "the id of a device")))
        .transpose()?;
    let rest = parameter("rest")
        .map(|rest| Window::parse(&rest).map_err(|expected| not_a("rest", expected)))
        .transpose()?;
    Ok((after, device, rest))
}

/// Returns the problem of a parameter that is not of the expected kind.
fn not_a(name: &str, expected: &str) -> Problem {
    Problem::BadRequest(format!("The parameter \"{name}\" is not {expected}."))
}
