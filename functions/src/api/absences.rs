//! `GET /api/absences`: absences of more than an hour.

use axum::{
    Extension, Router,
    extract::{RawQuery, State},
    http::{HeaderMap, Method},
    response::Response,
    routing::get,
};
use heartbeat_core::presence::{
    Step,
    absences::{Absence, Asked, Order},
};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use super::history::{Query, answer};
use crate::{
    App,
    app::Now,
    http::{
        client_ip::{ClientIp, share_key},
        error_responses::ErrorResponse,
        number::canonical_number,
        onlooker::SeenBy,
        problem::{Details, PROBLEM_JSON, Problem},
        route::{Audience, Route},
    },
};

const PATH: &str = "/api/absences";

/// `GET /api/absences`
pub const ROUTE: Route = Route {
    name: "absences",
    paths: &[PATH],
    methods: &[Method::GET],
    router,
    audience: Audience::Public,
    needs_database: true,
};

/// Absences that are answered at once by default, and at most.
const LIMIT: (u16, u16) = (50, 1_000);

/// What `before` is.
const NEXT: &str = "what \"next\" was in an earlier answer";

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(absences))
}

/// Which absences. Parameters with an empty value are taken as left out, as forms send them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "`parse` reads the parameters")]
struct Parameters {
    /// `latest`, those that ended last first, or `longest`.
    #[param(value_type = Option<OrderName>)]
    order: Option<String>,
    /// How many.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: Option<u16>,
    /// What `next` was in an earlier answer: continues after it.
    #[param(minimum = 0, example = 17)]
    before: Option<i64>,
}

/// The order of absences.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase", default = "latest")]
#[expect(dead_code, reason = "it describes the names that `Order::parse` reads")]
pub(crate) enum OrderName {
    Latest,
    Longest,
}

/// Absences in the order that was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Absences {
    /// The absences. The one of the present comes first, if it is longer than an hour; `limit` does not count it.
    absences: Vec<ShownAbsence>,
    /// What `before` has to be for the absences that come next; `null` after the last one.
    #[schema(required, minimum = 0, example = 17)]
    next: Option<i64>,
}

/// An absence of more than an hour.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Absence)]
pub(crate) struct ShownAbsence {
    /// The last beat before it.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-08-09T17:02:11.120421Z")]
    started_at: OffsetDateTime,
    /// The beat that ended it; `null` while it goes on.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, required, example = "2026-08-23T14:02:00.500312Z")]
    ended_at: Option<OffsetDateTime>,
    /// Its length so far.
    #[schema(minimum = 0, example = 1_198_788)]
    seconds: i64,
}

impl ShownAbsence {
    fn of(absence: Absence, now: OffsetDateTime) -> Self {
        let seconds = absence.length(now).whole_seconds().max(0);
        Self { started_at: absence.started_at, ended_at: absence.ended_at, seconds }
    }
}

/// Get absences
///
/// Absences of more than an hour, of all devices together. The owner, with the secret key, sees them; others do if the
/// setting `history` is `full`. Unknown parameters are ignored.
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "absences",
    tag = "history",
    security((), ("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    params(Parameters),
    responses(
        (status = 200, description = "The absences.", body = Absences,
            headers(
                ("cache-control" = String, description = "`no-cache`; `no-store` for the owner."),
                ("etag" = String, description = "Changes with the answer."),
            )),
        (status = 304, description = "The answer is the one that the client has."),
        ErrorResponse<400>,
        ErrorResponse<401>,
        (status = 403, description = "The owner does not show them to others.",
            body = Details<'static>, content_type = PROBLEM_JSON),
        (status = 404, description = "A key was presented, and the server has none, so it has no owner.",
            body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn absences(
    SeenBy(onlooker): SeenBy,
    State(app): State<App>,
    Now(now): Now,
    Extension(client): Extension<ClientIp>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let view = app.heartbeat.history(onlooker, now).await?;
    let asked = parse(Query(query.as_deref().unwrap_or_default()))?;
    if !view.shows(Step::Quarter) {
        return Err(Problem::HistoryNotShown);
    }
    let page = app.heartbeat.absences(&view, asked, client.0.map(share_key)).await?;
    // There were some when `next` was given. Since then beats were erased, or it was something else.
    if asked.before.is_some() && page.absences.is_empty() {
        return Err(Problem::BadRequest(format!("The parameter \"before\" is not {NEXT}.")));
    }
    let shown = Absences {
        absences: page.absences.into_iter().map(|absence| ShownAbsence::of(absence, view.until)).collect(),
        next: page.next,
    };
    answer(&shown, onlooker, &headers).await
}

fn parse(query: Query) -> Result<Asked, Problem> {
    let order = query.parsed("order", Order::parse)?.unwrap_or_default();
    let limit = query.parsed("limit", |text| {
        let limit = canonical_number(text).filter(|limit| (1..=LIMIT.1).contains(limit));
        limit.ok_or("a number from 1 to 1000")
    })?;
    let before = query.parsed("before", |text| canonical_number(text).ok_or(NEXT))?;
    Ok(Asked { order, limit: limit.unwrap_or(LIMIT.0), before })
}
