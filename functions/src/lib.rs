//! What each route *does*. A route is a file that holds its axum router and its handlers.
//!
//! - [`routes`]: the table of routes, and the one way to make a router of some or all of them.
//! - [`app`]: what every handler can ask for: the heartbeat, the configuration, the time.
//! - [`auth`]: who sent a request.
//! - [`problem`]: what can go wrong, and the answer to it.
//! - [`lambda`]: a route as a Lambda function behind API Gateway; `src/bin` has one for each.
//! - [`logging`]: where log lines go and which of them.
//!
//! The routes, named after their paths:
//!
//! - [`beat`]: `POST /api/beat`
//! - [`devices`]: `POST /api/devices`
//! - [`devices_token_generate`]: `POST /api/devices/{id}/token/generate`
//! - [`health`]: `GET /.well-known/health`
//! - [`home`]: `GET /`
//! - [`stats`]: `GET /api/stats`
//!
//! The functions that answer no HTTP request:
//!
//! - [`stream_connect`], [`stream_default`], [`stream_disconnect`]: the events of API Gateway's WebSockets
//! - [`pusher`]: sends the figures to them
//! - [`cloud`]: what these need of AWS
//! - [`migrator`]: brings the tables up to date

#[cfg(feature = "lambda")]
pub mod cloud;
#[cfg(feature = "lambda")]
pub mod migrator;
#[cfg(feature = "lambda")]
pub mod pusher;
#[cfg(feature = "lambda")]
pub mod stream_connect;
#[cfg(feature = "lambda")]
pub mod stream_default;
#[cfg(feature = "lambda")]
pub mod stream_disconnect;

pub mod app;
pub mod auth;
pub mod beat;
pub mod devices;
pub mod devices_token_generate;
pub mod health;
pub mod home;
#[cfg(feature = "lambda")]
pub mod lambda;
pub mod logging;
pub mod problem;
pub mod routes;
pub mod stats;

pub use app::App;
