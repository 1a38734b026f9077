//! `GET` and `POST /api/alerts`: the owner lists and adds alerts. Below it are the routes of one alert, and the preview.

pub mod alert;
mod parse;
pub mod preview;
mod shown;
pub mod test;

use axum::{
    Router,
    extract::{FromRequestParts, Path, State},
    http::{Method, StatusCode, request::Parts},
    routing::get,
};

pub(crate) use self::{
    parse::{AlertChange, NewAlert},
    shown::{Alert, AlertList, AlertWithPast},
};
use crate::{
    App,
    http::{
        auth::Owner,
        body::Body,
        error_responses::ErrorResponse,
        json::JsonLine,
        number::canonical_number,
        problem::{Details, PROBLEM_JSON, Problem},
        route::{Audience, Route},
    },
};

const PATH: &str = "/api/alerts";

/// `GET` and `POST /api/alerts`
pub const ROUTE: Route = Route {
    name: "alerts",
    paths: &[PATH],
    methods: &[Method::GET, Method::POST],
    router,
    audience: Audience::Owner,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(list).post(add))
}

/// List the alerts
///
/// Returns all alerts, ordered by the length of their absences, and what each is doing.
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "listAlerts",
    tag = "alerts",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    responses(
        (status = 200, description = "All alerts.", body = AlertList,
            headers(("cache-control" = String, description = "`no-store`: only the owner may see this."))),
        ErrorResponse<401>,
        (status = 404, description = "The server has no secret key, so it has no owner.",
            body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn list(_: Owner, State(app): State<App>) -> Result<JsonLine<AlertList>, Problem> {
    let alerts = app.heartbeat.alert_states().await?;
    Ok(JsonLine(AlertList { alerts: alerts.into_iter().map(Alert::from).collect() }))
}

/// Add an alert
///
/// It tells its channels while an absence lasts; the one that goes on already counts. The content type of the request is
/// ignored.
#[utoipa::path(
    post,
    path = PATH,
    operation_id = "addAlert",
    tag = "alerts",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    request_body = NewAlert,
    responses(
        (status = 201, description = "The alert is added.", body = AlertWithPast,
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
async fn add(
    _: Owner,
    State(app): State<App>,
    Body(body): Body,
) -> Result<(StatusCode, JsonLine<AlertWithPast>), Problem> {
    let change = parse::new(&body)?;
    let rule = change.into_rule(&app.heartbeat).await?;
    let alert = app.heartbeat.add_alert(rule).await?;
    Ok((StatusCode::CREATED, JsonLine(find(&app, alert.id).await?)))
}

/// Returns the alert that has this id, what it is doing, and what it did before.
async fn find(app: &App, id: i64) -> Result<AlertWithPast, Problem> {
    let alerts = app.heartbeat.alert_states().await?;
    let status = alerts.into_iter().find(|status| status.alert.id == id).ok_or(Problem::UnknownAlert)?;
    Ok(AlertWithPast::new(status, app.heartbeat.past_firings(id).await?))
}

/// Alert id in a path. What is not the id of any alert is just an alert that does not exist.
pub(crate) struct AlertId(pub(crate) i64);

impl FromRequestParts<App> for AlertId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let id = Path::<String>::from_request_parts(parts, app).await;
        id.ok().and_then(|Path(id)| canonical_number(&id)).map(Self).ok_or(Problem::UnknownAlert)
    }
}
