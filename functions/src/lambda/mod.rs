//! Lambda functions: routes behind API Gateway, served by their own routers, and functions that answer other events.
//!
//! - [`migrator`]: applies migrations after a deployment
//! - [`minutely`]: runs the jobs and the dispatcher
//! - `socket`: events of a WebSocket at API Gateway
//! - [`stream_connect`], [`stream_default`], [`stream_disconnect`]: events of a viewer's WebSocket
//! - [`pusher`]: sends frames to all viewers
//! - [`aws`]: clients of API Gateway and Lambda
//! - `setup`: configuration and secrets, read once when a function starts
//! - `secrets`: secrets in AWS Secrets Manager
//! - `request`: requests of API Gateway, as the routes expect them

pub mod aws;
pub mod migrator;
pub mod minutely;
pub mod pusher;
mod request;
mod secrets;
mod setup;
mod socket;
pub mod stream_connect;
pub mod stream_default;
pub mod stream_disconnect;

use std::time::Duration;

use axum::Router;
pub(crate) use lambda_http::Context;
pub use lambda_http::Error;
use lambda_http::{
    lambda_runtime::{self, LambdaEvent, service_fn},
    tower::ServiceExt,
};
use serde::{Serialize, de::DeserializeOwned};
pub(crate) use setup::Setup;
pub(crate) use socket::{SocketEvent, SocketResponse};
use time::OffsetDateTime;

use crate::{http::route::Route, routes};

/// Serves these routes until Lambda ends the process. Fails if the configuration is invalid. The database is first
/// contacted by the first request; while it is unavailable, requests answer 503.
pub async fn serve(served: &[Route]) -> Result<(), Error> {
    let setup = Setup::load().await?;
    let (app, wants_url) = (setup.app(), !setup.has_live_url);
    let router = routes::router(served, Router::new(), app.clone());
    tokio::select! {
        result = lambda_http::run(router.map_request(move |request| request::adapt(request, wants_url))) => result,
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
