//! `POST /api/v1/users/current/heartbeats.bulk` and `POST /api/v1/users/current/heartbeats`: an editor says that it is in
//! use, in the format of WakaTime's clients. What it is used for is neither kept nor logged.

use std::iter::repeat_n;

use axum::{
    Extension, Router,
    extract::{DefaultBodyLimit, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use heartbeat_core::{Error, token::TokenHash};
use serde::Serialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use utoipa::{
    ToSchema,
    openapi::{Object, ObjectBuilder, schema::SchemaType},
};

use super::times::Items;
use crate::{
    App,
    app::Now,
    http::{
        auth::EditorDevice,
        body::Body,
        client_ip::{ClientIp, share_key},
        error_responses::ErrorResponse,
        json::JsonLine,
        problem::{Details, PROBLEM_JSON, Problem},
        route::{Audience, Route},
    },
};

const BULK_PATH: &str = "/api/v1/users/current/heartbeats.bulk";
const PATH: &str = "/api/v1/users/current/heartbeats";

/// `POST /api/v1/users/current/heartbeats.bulk` and `POST /api/v1/users/current/heartbeats`
pub const ROUTE: Route = Route {
    name: "wakatime_heartbeats",
    paths: &[BULK_PATH, PATH],
    methods: &[Method::POST],
    router,
    audience: Audience::Public,
    needs_database: true,
};

/// The largest body that is read. `wakatime-cli` puts up to 25 items into a request, each with up to 1,000 names of
/// dependencies of 200 bytes: 5.1 MB, where most requests have less than 10 kB. A request that is refused is sent again
/// and again, before everything that came after it. Only a client with a valid credential may send so much.
const BODY_MAX_BYTES: usize = 6 * 1024 * 1024;

/// Status of an item that was taken. Clients keep items that have another one, and send them again.
const TAKEN: StatusCode = StatusCode::CREATED;

fn router(_: &App) -> Router<App> {
    Router::new()
        .route(BULK_PATH, post(bulk))
        .route(PATH, post(single))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
}

/// What an editor sends about one moment. Only the time is read.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it is the schema of what `Items` parses")]
pub(crate) struct EditorHeartbeat {
    #[schema(required = false, schema_with = time_schema)]
    time: Value,
}

fn time_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::AnyValue)
        .description(Some(
            "Unix time in seconds, as a number or as text. An item with anything else is taken, and is too old.",
        ))
        .examples([1_698_915_320.5])
        .build()
}

/// Answer to one item.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub(crate) struct TakenHeartbeat {
    /// Empty: no more than the time is read of an item, and nothing is kept.
    #[schema(value_type = Object)]
    data: Map<String, Value>,
}

/// Answers to all items.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TakenHeartbeats {
    /// For each item, in their order, the answer and its status, 201.
    #[schema(value_type = Vec<Vec<Value>>, example = json!([[{"data": {}}, 201]]))]
    responses: Vec<(TakenHeartbeat, u16)>,
}

/// Send what an editor has gathered
///
/// For clients of WakaTime. If one of the items is younger than two minutes, one beat is recorded; if all are too old,
/// none. They are taken either way. Nothing but the time is read of an item, and nothing is kept.
#[utoipa::path(
    post,
    path = BULK_PATH,
    operation_id = "sendEditorHeartbeats",
    tag = "editors",
    security(("editorKey" = []), ("deviceToken" = []), ("deviceTokenBare" = [])),
    request_body = Vec<EditorHeartbeat>,
    responses(
        (status = 201, description = "All items are taken.", body = TakenHeartbeats),
        ErrorResponse<400>,
        ErrorResponse<401>,
        ErrorResponse<405>,
        ErrorResponse<408>,
        (status = 413, description = "The body is larger than 6 MiB, or has more than 1,000 items.",
            body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn bulk(
    State(app): State<App>,
    Now(now): Now,
    Extension(client): Extension<ClientIp>,
    EditorDevice(token): EditorDevice,
    body: Result<Body, Problem>,
) -> Result<Response, Problem> {
    let Body(body) = body.map_err(batch_problem)?;
    let items =
        Items::parse_list(&body).map_err(|_| bad_request("The body is not a JSON list of objects."))?;
    if items.count > Items::MAX {
        return Err(Problem::BatchTooLarge);
    }
    record(&app, token, client, &items, now).await?;
    let answers = TakenHeartbeats {
        responses: repeat_n((TakenHeartbeat::default(), TAKEN.as_u16()), items.count).collect(),
    };
    Ok((TAKEN, JsonLine(answers)).into_response())
}

/// Send one item of an editor
///
/// For clients of WakaTime. If the item is younger than two minutes, a beat is recorded. It is taken either way.
/// Nothing but the time is read of it, and nothing is kept.
#[utoipa::path(
    post,
    path = PATH,
    operation_id = "sendEditorHeartbeat",
    tag = "editors",
    security(("editorKey" = []), ("deviceToken" = []), ("deviceTokenBare" = [])),
    request_body = EditorHeartbeat,
    responses(
        (status = 201, description = "The item is taken.", body = TakenHeartbeat),
        ErrorResponse<400>,
        ErrorResponse<401>,
        ErrorResponse<405>,
        ErrorResponse<408>,
        (status = 413, description = "The body is larger than 6 MiB, or has more than 1,000 items.",
            body = Details<'static>, content_type = PROBLEM_JSON),
        ErrorResponse<429>,
        ErrorResponse<503>,
    ),
)]
async fn single(
    State(app): State<App>,
    Now(now): Now,
    Extension(client): Extension<ClientIp>,
    EditorDevice(token): EditorDevice,
    body: Result<Body, Problem>,
) -> Result<Response, Problem> {
    let Body(body) = body.map_err(batch_problem)?;
    let items = Items::parse_one(&body).map_err(|_| bad_request("The body is not a JSON object."))?;
    record(&app, token, client, &items, now).await?;
    Ok((TAKEN, JsonLine(TakenHeartbeat::default())).into_response())
}

/// Records one beat if an item is of this moment.
async fn record(
    app: &App,
    token: TokenHash,
    client: ClientIp,
    items: &Items,
    now: OffsetDateTime,
) -> Result<(), Problem> {
    if !items.any_is_fresh(now) {
        return Ok(());
    }
    match app.heartbeat.beat(token, client.0.map(share_key)).await {
        Ok(_) => Ok(()),
        // The owner replaced the token while the body arrived. An editor key stays valid: no client may stop for this.
        Err(Error::UnknownToken) => Err(Problem::Unavailable),
        Err(error) => Err(error.into()),
    }
}

/// Returns the problem of a body by the maximum size of these routes.
fn batch_problem(problem: Problem) -> Problem {
    match problem {
        Problem::PayloadTooLarge => Problem::BatchTooLarge,
        other => other,
    }
}

fn bad_request(detail: &str) -> Problem {
    Problem::BadRequest(detail.to_owned())
}
