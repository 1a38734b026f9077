//! `GET`, `PUT` and `DELETE /api/snooze`: the owner wants no alerts for a while.

use axum::{
    Router,
    extract::State,
    http::{Method, StatusCode},
    routing::get,
};
use heartbeat_core::snooze::{Snooze, SnoozeNote};
use serde::Serialize;
use serde_json::Value;
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};
use utoipa::ToSchema;

use crate::{
    App,
    app::Now,
    http::{
        auth::Owner,
        body::Body,
        error_responses::ErrorResponse,
        json::JsonLine,
        members,
        problem::{Details, PROBLEM_JSON, Problem},
        route::{Audience, Route},
    },
};

const PATH: &str = "/api/snooze";

/// `GET`, `PUT` and `DELETE /api/snooze`
pub const ROUTE: Route = Route {
    name: "snooze",
    paths: &[PATH],
    methods: &[Method::GET, Method::PUT, Method::DELETE],
    router,
    audience: Audience::Owner,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(show).put(set).delete(end))
}

/// The snooze: both members are `null` if there is none.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Snooze)]
pub(crate) struct ShownSnooze {
    /// When it ends.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, required, example = "2026-12-06T18:00:00Z")]
    until: Option<OffsetDateTime>,
    /// Note of the owner.
    #[schema(required, example = "In the mountains")]
    note: Option<String>,
}

impl From<Option<&Snooze>> for ShownSnooze {
    fn from(snooze: Option<&Snooze>) -> Self {
        let note = snooze.and_then(|snooze| snooze.note.as_ref());
        Self { until: snooze.map(|snooze| snooze.until), note: note.map(|note| note.as_str().to_owned()) }
    }
}

/// A snooze to set.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "`parse` reads the members")]
pub(crate) struct NewSnooze {
    /// When it ends (RFC 3339): a time in the future.
    #[schema(value_type = String, format = DateTime, example = "2126-12-06T18:00:00Z")]
    until: OffsetDateTime,
    /// Note: at most 200 characters, no control characters.
    #[schema(example = "In the mountains")]
    note: Option<String>,
}

/// Get the snooze
///
/// A snooze that has ended is none.
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "snooze",
    tag = "owner",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    responses(
        (status = 200, description = "The snooze.", body = ShownSnooze,
            headers(("cache-control" = String, description = "`no-store`: only the owner may see this."))),
        ErrorResponse<401>,
        (status = 404, description = "The server has no secret key, so it has no owner.",
            body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn show(_: Owner, State(app): State<App>) -> Result<JsonLine<ShownSnooze>, Problem> {
    Ok(JsonLine(app.heartbeat.snooze().await?.as_ref().into()))
}

/// Set the snooze
///
/// No alert fires before it ends. It takes the place of the one before. The content type of the request is ignored.
#[utoipa::path(
    put,
    path = PATH,
    operation_id = "setSnooze",
    tag = "owner",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    request_body = NewSnooze,
    responses(
        (status = 200, description = "The snooze is set.", body = ShownSnooze,
            headers(("cache-control" = String, description = "`no-store`: only the owner may see this."))),
        ErrorResponse<400>,
        ErrorResponse<401>,
        ErrorResponse<403>,
        (status = 404, description = "The server has no secret key, so it has no owner.",
            body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<408>,
        ErrorResponse<413>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn set(
    _: Owner,
    State(app): State<App>,
    Now(now): Now,
    Body(body): Body,
) -> Result<JsonLine<ShownSnooze>, Problem> {
    let snooze = parse(&body, now)?;
    app.heartbeat.set_snooze(Some(snooze.clone())).await?;
    Ok(JsonLine(Some(&snooze).into()))
}

/// End the snooze
///
/// Alerts fire again. Where there is no snooze, nothing changes.
#[utoipa::path(
    delete,
    path = PATH,
    operation_id = "endSnooze",
    tag = "owner",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    responses(
        (status = 204, description = "There is no snooze."),
        ErrorResponse<401>,
        ErrorResponse<403>,
        (status = 404, description = "The server has no secret key, so it has no owner.",
            body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn end(_: Owner, State(app): State<App>) -> Result<StatusCode, Problem> {
    app.heartbeat.set_snooze(None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Parses a [`NewSnooze`], which has to end after `now`.
fn parse(body: &[u8], now: OffsetDateTime) -> Result<Snooze, Problem> {
    let (mut until, mut note) = (None, None);
    for (member, value) in &members::object(body)? {
        match member.as_str() {
            "until" => until = Some(parse_until(value, now)?),
            "note" => note = parse_note(value)?,
            _ => return Err(members::unknown_member(&["until", "note"])),
        }
    }
    let until = until.ok_or_else(|| Problem::BadRequest("The member \"until\" is missing.".to_owned()))?;
    Ok(Snooze { until, note })
}

fn parse_until(value: &Value, now: OffsetDateTime) -> Result<OffsetDateTime, Problem> {
    let time = value.as_str().and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    let time = time.and_then(|time| time.checked_to_offset(UtcOffset::UTC));
    // Years beyond 9999 are none that RFC 3339 can write.
    let time = time.filter(|time| time.year() <= 9999 && *time > now);
    time.ok_or_else(|| {
        members::not_a("until", "a time in the future, such as \"2126-12-06T18:00:00Z\" (RFC 3339)")
    })
}

fn parse_note(value: &Value) -> Result<Option<SnoozeNote>, Problem> {
    match value {
        Value::Null => Ok(None),
        Value::String(note) => SnoozeNote::parse(note)
            .map_err(|error| Problem::BadRequest(format!("The body is refused: {error}."))),
        _ => Err(members::not_a("note", "a string")),
    }
}
