//! A route as a Lambda function: the route's own router, behind API Gateway. And what functions have
//! in common that answer other events.

pub mod aws;
pub mod migrator;
pub mod minutely;
pub mod pusher;
pub mod stream_connect;
pub mod stream_default;
pub mod stream_disconnect;

use std::time::Duration;

use axum::{
    Router,
    http::{Request, Uri, uri::PathAndQuery},
};
use heartbeat_core::{
    Config,
    config::{Database, Environment, Flags},
    database::{Session, SharedSession},
    runtime::Runtime,
    stream::GatewayStream,
};
pub(crate) use lambda_http::Context;
pub use lambda_http::Error;
use lambda_http::{
    Body,
    lambda_runtime::{self, LambdaEvent, service_fn},
    request::RequestContext,
    tower::ServiceExt,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sqlx::postgres::PgConnectOptions;
use time::OffsetDateTime;

use crate::{
    App,
    app::system_clock,
    background,
    http::{client_ip::Peer, problem::Problem, route::Route},
    logging, routes,
};

/// Serves one route until Lambda ends the process. Fails on a mistake in the configuration; the
/// database is first contacted by the first request, and answered for with 503 while it is away.
pub async fn serve(route: Route) -> Result<(), Error> {
    start()?;
    let router = routes::router(&[route], Router::new(), app()?);
    lambda_http::run(router.map_request(|request| without_stage(with_peer(request)))).await
}

/// Answers events other than HTTP requests with `handle` until Lambda ends the process.
pub(crate) async fn listen<E: DeserializeOwned, A: Serialize>(
    handle: impl AsyncFn(E, Context) -> Result<A, Error>,
) -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<E>| handle(event.payload, event.context).await))
        .await
}

/// What every function does first.
pub(crate) fn start() -> Result<(), Error> {
    Ok(logging::start()?)
}

/// The dependencies of a function, built once for all its invocations. Nothing is put off until after
/// an answer: Lambda freezes the process then.
pub(crate) fn app() -> Result<App, Error> {
    let config = config()?;
    let configured = background::subscriptions(&config, Runtime::Lambda);
    Ok(App::start(&database()?, config, Runtime::Lambda, configured))
}

/// The connections of API Gateway, as the database knows them.
pub(crate) fn stream() -> Result<GatewayStream, Error> {
    Ok(GatewayStream::new(SharedSession::new(Session::new(database()?, system_clock, Runtime::Lambda))))
}

/// The configuration, which comes from the environment alone.
pub(crate) fn config() -> Result<Config, Error> {
    Ok(Config::load(&Flags::default(), &Environment::of_this_process())?)
}

/// The database that the configuration names.
pub(crate) fn database() -> Result<PgConnectOptions, Error> {
    match config()?.database {
        Database::Server(options) => Ok(options.expose().clone()),
        Database::Embedded => {
            Err("database.dsn: a Lambda function needs the URL of a PostgreSQL, not the word embedded".into())
        }
    }
}

/// A variable that the deployment sets.
pub(crate) fn required(name: &str) -> Result<String, Error> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    value.ok_or_else(|| format!("{name} (environment variable): expected a value").into())
}

/// How long an invocation may still take.
pub(crate) fn time_left(context: &Context, now: OffsetDateTime) -> Duration {
    let now = Duration::try_from(now - OffsetDateTime::UNIX_EPOCH).unwrap_or_default();
    Duration::from_millis(context.deadline).saturating_sub(now)
}

/// An event of a WebSocket at API Gateway.
#[derive(Debug, Deserialize)]
pub(crate) struct SocketEvent {
    #[serde(rename = "requestContext")]
    context: SocketContext,
}

#[derive(Debug, Deserialize)]
struct SocketContext {
    #[serde(rename = "connectionId")]
    connection_id: String,
}

impl SocketEvent {
    /// The name of the connection.
    pub(crate) fn id(&self) -> &str {
        &self.context.connection_id
    }
}

/// What API Gateway is told about an event. On `$connect`, anything but 200 refuses the connection.
#[derive(Debug, Serialize)]
pub(crate) struct SocketAnswer {
    #[serde(rename = "statusCode")]
    status: u16,
}

impl SocketAnswer {
    /// All is well.
    pub(crate) const OK: Self = Self { status: 200 };
}

impl From<heartbeat_core::Error> for SocketAnswer {
    fn from(error: heartbeat_core::Error) -> Self {
        Self { status: Problem::from(error).status().as_u16() }
    }
}

/// Says who sent a request, as API Gateway knows it.
fn with_peer(mut request: Request<Body>) -> Request<Body> {
    let address = match request.extensions().get() {
        Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
        _ => None,
    };
    if let Some(address) = address.and_then(|address| address.parse().ok()) {
        request.extensions_mut().insert(Peer::Ip(address));
    }
    request
}

/// Takes the name of the stage off the path. It is there unless the stage is `$default`; the
/// routes, which are the same everywhere, know nothing of it.
fn without_stage(mut request: Request<Body>) -> Request<Body> {
    let stage = match request.extensions().get() {
        Some(RequestContext::ApiGatewayV2(context)) => context.stage.as_deref().unwrap_or_default(),
        _ => "",
    };
    let bare = request
        .uri()
        .path_and_query()
        .and_then(|whole| whole.as_str().strip_prefix('/')?.strip_prefix(stage))
        .filter(|bare| !stage.is_empty() && bare.starts_with('/'))
        .and_then(|bare| bare.parse::<PathAndQuery>().ok());
    if let Some(bare) = bare {
        *request.uri_mut() = Uri::from(bare);
    }
    request
}
