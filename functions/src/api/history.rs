//! `GET /api/history`: the minutes and beats of days, hours or quarters of an hour.

use axum::{
    Extension, Router,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, Method},
    response::Response,
    routing::get,
};
use heartbeat_core::{
    heartbeat::history::{HistoryView, Onlooker},
    presence::{Days, Step, Sum},
};
use serde::Serialize;
use time::{Date, Duration, OffsetDateTime, format_description::well_known::Rfc3339};
use url::form_urlencoded;
use utoipa::{IntoParams, ToSchema};

use crate::{
    App,
    app::Now,
    http::{
        client_ip::{ClientIp, share_key},
        conditional::Representation,
        error_responses::ErrorResponse,
        middleware::keep_private,
        number::canonical_number,
        onlooker::SeenBy,
        problem::{Details, PROBLEM_JSON, Problem},
        route::{Audience, Route},
    },
};

const PATH: &str = "/api/history";

/// `GET /api/history`
pub const ROUTE: Route = Route {
    name: "history",
    paths: &[PATH],
    methods: &[Method::GET],
    router,
    audience: Audience::Public,
    needs_database: true,
};

/// Steps between the first and the last one, those without a beat included.
const MAX_STEPS: i64 = 10_000;

/// Days that are answered by default, today included.
const DEFAULT_DAYS: i64 = 365;

fn router(_: &App) -> Router<App> {
    Router::new().route(PATH, get(history))
}

/// Which part of the history. Parameters with an empty value are taken as left out, as forms send them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "`Asked::parse` reads the parameters")]
struct Parameters {
    /// The first day; by default, 364 days before the last one.
    #[param(format = Date, example = "2026-11-01")]
    from: Option<String>,
    /// The last day, which is included; by default, today.
    #[param(format = Date, example = "2026-11-30")]
    to: Option<String>,
    /// Length of a row.
    #[param(value_type = Option<StepName>)]
    step: Option<String>,
    /// Id of the device whose beats are meant; by default, those of all devices together.
    #[param(minimum = 0, example = 0)]
    device: Option<i64>,
}

/// Length of a row. Strangers may be shown days alone.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase", default = "day")]
#[expect(dead_code, reason = "it describes the names that `Step::parse` reads")]
pub(crate) enum StepName {
    Day,
    Hour,
    Quarter,
}

/// Presence, by steps of the wall clock.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = History)]
pub(crate) struct ShownHistory<'a> {
    /// Time zone of days and hours, by its name in the IANA Time Zone Database.
    #[schema(example = "Europe/Berlin")]
    timezone: &'a str,
    /// Length of a row.
    #[schema(value_type = StepName)]
    step: &'static str,
    /// The steps in which beats came, in their order.
    rows: Vec<Row>,
}

/// What came in one step.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HistoryRow)]
pub(crate) struct Row {
    /// The date; of an hour or a quarter of one, its local time and the offset.
    #[schema(example = "2026-11-27")]
    start: String,
    /// Minutes of UTC in which at least one beat arrived.
    #[schema(minimum = 1, maximum = 1500, example = 575)]
    minutes: u32,
    /// Number of beats.
    #[schema(minimum = 1, example = 612)]
    beats: u64,
}

impl Row {
    fn of(sum: Sum, step: Step) -> Self {
        let start = match step {
            Step::Day => sum.start.date().to_string(),
            Step::Hour | Step::Quarter => sum.start.format(&Rfc3339).unwrap_or_default(),
        };
        Self { start, minutes: sum.minutes, beats: sum.beats }
    }
}

/// Get the history
///
/// Presence is the number of minutes in which at least one beat arrived. The owner, with the secret key, sees all of it; what
/// others see depends on the setting `history`: days by default. Unknown parameters are ignored.
#[utoipa::path(
    get,
    path = PATH,
    operation_id = "history",
    tag = "history",
    security((), ("ownerKey" = []), ("ownerKeyBare" = []), ("ownerSession" = [])),
    params(Parameters),
    responses(
        (status = 200, description = "The steps in which beats came; the others are left out.",
            body = ShownHistory<'static>,
            headers(
                ("cache-control" = String, description = "`no-cache`; `no-store` for the owner."),
                ("etag" = String, description = "Changes with the answer."),
            )),
        (status = 304, description = "The answer is the one that the client has."),
        ErrorResponse<400>,
        ErrorResponse<401>,
        (status = 403, description = "The owner does not show that to others.",
            body = Details<'static>, content_type = PROBLEM_JSON),
        (status = 404, description = "No device has this id, or none that others may see.",
            body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<405>,
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn history(
    SeenBy(onlooker): SeenBy,
    State(app): State<App>,
    Now(now): Now,
    Extension(client): Extension<ClientIp>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let view = app.heartbeat.history(onlooker, now).await?;
    let asked = Asked::parse(Query(query.as_deref().unwrap_or_default()), &view)?;
    if !view.shows(asked.step) {
        return Err(Problem::HistoryNotShown);
    }
    let device = match asked.device {
        None => None,
        Some(id) => Some(resolve(&app, id, onlooker, now).await?),
    };
    let presence = app.heartbeat.presence(&view, device, &asked.days, client.0.map(share_key)).await?;
    let sums = view.of(presence).sums(asked.step, &view.timezone, &asked.days);
    let shown = ShownHistory {
        timezone: view.timezone.name(),
        step: asked.step.name(),
        rows: sums.into_iter().map(|sum| Row::of(sum, asked.step)).collect(),
    };
    answer(&shown, onlooker, &headers).await
}

/// Returns the response with an answer, or 304 if the client has it. The one for the owner is for the owner alone.
pub(super) async fn answer(
    shown: &impl Serialize,
    onlooker: Onlooker,
    request: &HeaderMap,
) -> Result<Response, Problem> {
    let mut body = serde_json::to_vec(shown).map_err(|_| Problem::Internal)?;
    body.push(b'\n');
    let representation = Representation::of("application/json", body.into());
    let response = representation.respond(request, HeaderValue::from_static("no-cache"));
    Ok(match onlooker {
        Onlooker::Owner => keep_private(response).await,
        Onlooker::Stranger => response,
    })
}

/// Returns the id of the device that has this id, or had it formerly, if it may be seen.
pub(crate) async fn resolve(
    app: &App,
    id: i64,
    onlooker: Onlooker,
    now: OffsetDateTime,
) -> Result<i64, Problem> {
    match onlooker {
        Onlooker::Owner => Ok(app.heartbeat.device(id).await?.id),
        Onlooker::Stranger => {
            let snapshot = app.heartbeat.snapshot(now).await?;
            let index = snapshot.stats.device_index(id).ok_or(Problem::UnknownDevice)?;
            Ok(snapshot.stats.devices[index].id)
        }
    }
}

/// What a query asks for.
#[derive(Debug)]
struct Asked {
    days: Days,
    step: Step,
    device: Option<i64>,
}

impl Asked {
    fn parse(query: Query, view: &HistoryView) -> Result<Self, Problem> {
        let day = |name| query.parsed(name, |text| parse_date(text).ok_or("a date such as 2026-11-27"));
        let step = query.parsed("step", Step::parse)?.unwrap_or_default();
        let device = query.parsed("device", |id| canonical_number(id).ok_or("the id of a device"))?;
        let to = day("to")?.unwrap_or(view.today);
        let default = to.checked_sub(Duration::days(DEFAULT_DAYS - 1)).unwrap_or(Date::MIN);
        let from = day("from")?.unwrap_or(default);
        let days = (to - from).whole_days() + 1;
        if days < 1 {
            return Err(Problem::BadRequest("The day in \"from\" is after that in \"to\".".to_owned()));
        }
        if days * step.in_a_day() > MAX_STEPS {
            let most = MAX_STEPS / step.in_a_day();
            let step = step.name();
            return Err(Problem::BadRequest(format!(
                "That is more than {MAX_STEPS} rows. By {step}, ask for {most} days at most, with \"from\" and \"to\"."
            )));
        }
        Ok(Self { days: from..=to, step, device })
    }
}

/// Parses a date of this era, such as `2026-11-27`.
fn parse_date(text: &str) -> Option<Date> {
    let is_plain = text.len() == "2026-11-27".len() && text.is_ascii();
    let format = time::macros::format_description!("[year]-[month]-[day]");
    is_plain.then(|| Date::parse(text, &format).ok()).flatten().filter(|date| date.year() > 0)
}

/// The query of a URL.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query<'a>(pub(crate) &'a str);

impl Query<'_> {
    /// Parses the value of a parameter, unless it is missing or empty. Of several, the first counts.
    pub(crate) fn parsed<T>(
        self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Result<Option<T>, Problem> {
        let mut pairs = form_urlencoded::parse(self.0.as_bytes());
        let value =
            pairs.find(|(key, _)| key == name).map(|(_, value)| value).filter(|value| !value.is_empty());
        let refused = |expected| Problem::BadRequest(format!("The parameter \"{name}\" is not {expected}."));
        value.map(|value| parse(&value).map_err(refused)).transpose()
    }
}
