//! Lambda functions: routes behind API Gateway, served by their own routers, and functions that answer other events.
//!
//! - [`migrator`]: applies migrations after a deployment
//! - [`minutely`]: runs the jobs and the dispatcher
//! - `socket`: events of a WebSocket at API Gateway
//! - [`stream_connect`], [`stream_default`], [`stream_disconnect`]: events of a viewer's WebSocket
//! - [`pusher`]: sends frames to all viewers
//! - [`aws`]: clients of API Gateway and Lambda

pub mod aws;
pub mod migrator;
pub mod minutely;
pub mod pusher;
mod socket;
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
    database::{Session, SharedSession, Target},
    runtime::Runtime,
    stream::{GatewayStream, Places},
};
pub(crate) use lambda_http::Context;
pub use lambda_http::Error;
use lambda_http::{
    Body,
    lambda_runtime::{self, LambdaEvent, service_fn},
    request::RequestContext,
    tower::ServiceExt,
};
use serde::{Serialize, de::DeserializeOwned};
pub(crate) use socket::{SocketEvent, SocketResponse};
use time::OffsetDateTime;

use crate::{
    App,
    app::system_clock,
    background,
    http::{client_ip::Peer, route::Route},
    logging, routes,
};

/// Serves one route until Lambda ends the process. Fails if the configuration is invalid. The database is first
/// contacted by the first request; while it is unavailable, requests answer 503.
pub async fn serve(route: Route) -> Result<(), Error> {
    start_logging()?;
    let app = app()?;
    let router = routes::router(&[route], Router::new(), app.clone());
    tokio::select! {
        result = lambda_http::run(router.map_request(|request| without_stage(with_peer(request)))) => result,
        // Lambda starts the function anew.
        () = app.heartbeat.ended() => Err("the worker ended unexpectedly; the log says why".into()),
    }
}

/// Serves events other than HTTP requests with `handle` until Lambda ends the process.
pub(crate) async fn serve_events<E: DeserializeOwned, R: Serialize>(
    handle: impl AsyncFn(E, Context) -> Result<R, Error>,
) -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<E>| handle(event.payload, event.context).await))
        .await
}

/// Starts logging, which every function does first.
pub(crate) fn start_logging() -> Result<(), Error> {
    Ok(logging::start()?)
}

/// Returns the dependencies of a function, built once for all its invocations. Nothing may run after a response is sent:
/// Lambda freezes the process then.
pub(crate) fn app() -> Result<App, Error> {
    let config = config()?;
    let configured = background::subscriptions(&config, Runtime::Lambda);
    Ok(App::start(&database()?, config, Runtime::Lambda, configured))
}

/// Returns the viewers at API Gateway, as the database has them, for functions that need no [`App`].
pub(crate) fn stream() -> Result<GatewayStream, Error> {
    Ok(GatewayStream::new(SharedSession::new(Session::new(database()?, system_clock, Runtime::Lambda))))
}

/// Returns the places of those viewers. `CLIENT_IP_KEY` keys the numbers that stand for client IPs: a text that is the same
/// for all functions, and that the database does not hold.
pub(crate) fn places() -> Result<Places, Error> {
    Ok(Places::new(config()?.max_viewers, &required("CLIENT_IP_KEY")?))
}

/// Returns the configuration, which comes from the environment alone.
pub(crate) fn config() -> Result<Config, Error> {
    Ok(Config::load(&Flags::default(), &Environment::of_this_process())?)
}

/// Returns the database that the configuration names.
pub(crate) fn database() -> Result<Target, Error> {
    let config = config()?;
    match config.database {
        Database::Server(options) => Ok(Target::new(options.expose().clone(), config.database_pooler)),
        Database::Embedded => {
            Err("database.dsn: a Lambda function needs the URL of a PostgreSQL, not the word embedded".into())
        }
    }
}

/// Returns an environment variable that the deployment must set.
pub(crate) fn required(name: &str) -> Result<String, Error> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    value.ok_or_else(|| format!("{name} (environment variable): expected a value").into())
}

/// Returns the time until the timeout of an invocation.
pub(crate) fn time_left(context: &Context, now: OffsetDateTime) -> Duration {
    let now = Duration::try_from(now - OffsetDateTime::UNIX_EPOCH).unwrap_or_default();
    Duration::from_millis(context.deadline).saturating_sub(now)
}

/// Adds the [`Peer`] to a request, as API Gateway reports it.
fn with_peer(mut request: Request<Body>) -> Request<Body> {
    let source_ip = match request.extensions().get() {
        Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
        _ => None,
    };
    if let Some(ip) = source_ip.and_then(|ip| ip.parse().ok()) {
        request.extensions_mut().insert(Peer::Ip(ip));
    }
    request
}

/// Removes the name of the stage from the path. Every stage but `$default` adds it, and the routes, which are the same
/// in every runtime, do not have it.
fn without_stage(mut request: Request<Body>) -> Request<Body> {
    let stage = match request.extensions().get() {
        Some(RequestContext::ApiGatewayV2(context)) => context.stage.as_deref().unwrap_or_default(),
        _ => "",
    };
    let stripped = request
        .uri()
        .path_and_query()
        .and_then(|path| path.as_str().strip_prefix('/')?.strip_prefix(stage))
        .filter(|path| !stage.is_empty() && path.starts_with('/'))
        .and_then(|path| path.parse::<PathAndQuery>().ok());
    if let Some(path) = stripped {
        *request.uri_mut() = Uri::from(path);
    }
    request
}
