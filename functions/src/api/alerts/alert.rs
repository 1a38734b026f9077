//! `GET`, `PATCH` and `DELETE /api/alerts/{id}`: the owner looks at an alert, changes it, or deletes it.

use axum::{
    Router,
    extract::State,
    http::{Method, StatusCode},
    routing::get,
};

use super::{AlertChange, AlertId, AlertWithPast, find, parse};
use crate::{
    App,
    http::{
        auth::Owner,
        body::Body,
        error_responses::ErrorResponse,
        json::JsonLine,
        problem::{Details, PROBLEM_JSON, Problem},
        route::{Audience, Route},
    },
};

const PATH: &str = "/api/alerts/{id}";

/// `GET`, `PATCH` and `DELETE /api/alerts/{id}`
pub const ROUTE: Route = Route {
    name: "alerts_alert",
    paths: &[PATH],
    methods: &[Method::GET, Method::PATCH, Method::DELETE],
    router,
    audience: Audience::Owner,
    needs_database: true,
};

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(show).patch(change).delete(delete))
}

/// Get an alert
///
/// Says what it is doing as well, and what it told to whom and when: while it fires, and the last ten times that it did.
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "getAlert",
    tag = "alerts",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    params(("id" = i64, Path, minimum = 0, description = "Alert id.", example = 1)),
    responses(
        (status = 200, description = "The alert.", body = AlertWithPast,
            headers(("cache-control" = String, description = "`no-store`: only the owner may see this."))),
        ErrorResponse<401>,
        (status = 404, description = "No alert has this id (non-numeric ids included), or the server has no \
            secret key.", body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn show(
    _: Owner,
    State(app): State<App>,
    AlertId(id): AlertId,
) -> Result<JsonLine<AlertWithPast>, Problem> {
    Ok(JsonLine(find(&app, id).await?))
}

/// Change an alert
///
/// What is left out stays as it is. The content type of the request is ignored.
#[utoipa::path(
    patch,
    path = PATH,
    operation_id = "changeAlert",
    tag = "alerts",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    params(("id" = i64, Path, minimum = 0, description = "Alert id.", example = 1)),
    request_body = AlertChange,
    responses(
        (status = 200, description = "The alert as it is now.", body = AlertWithPast,
            headers(("cache-control" = String, description = "`no-store`: only the owner may see this."))),
        ErrorResponse<400>,
        ErrorResponse<401>,
        ErrorResponse<403>,
        (status = 404, description = "No alert has this id (non-numeric ids included), or the server has no \
            secret key.", body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<408>,
        ErrorResponse<413>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn change(
    _: Owner,
    State(app): State<App>,
    AlertId(id): AlertId,
    Body(body): Body,
) -> Result<JsonLine<AlertWithPast>, Problem> {
    let alert = app.heartbeat.alert(id).await?;
    let rule = parse::change(&body, alert.rule)?.into_rule(&app.heartbeat).await?;
    app.heartbeat.update_alert(id, rule).await?;
    Ok(JsonLine(find(&app, id).await?))
}

/// Delete an alert
///
/// It fires no more. Channels that were told that it fired are told that it resolved all the same.
#[utoipa::path(
    delete,
    path = PATH,
    operation_id = "deleteAlert",
    tag = "alerts",
    security(("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    params(("id" = i64, Path, minimum = 0, description = "Alert id.", example = 1)),
    responses(
        (status = 204, description = "The alert is deleted."),
        ErrorResponse<401>,
        ErrorResponse<403>,
        (status = 404, description = "No alert has this id (non-numeric ids included), or the server has no \
            secret key.", body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn delete(_: Owner, State(app): State<App>, AlertId(id): AlertId) -> Result<StatusCode, Problem> {
    app.heartbeat.delete_alert(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
