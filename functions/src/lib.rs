//! What each route *does*. A route is a file that holds its axum router and its handlers.
//!
//! - [`routes`]: the table of routes, and the one way to make a router of some or all of them.
//! - [`app`]: what every handler can ask for: the heartbeat, the configuration, the time.
//! - [`auth`]: who sent a request.
//! - [`client_address`]: from which address.
//! - `failures`: failed attempts, slowed down by address.
//! - [`problem`]: what can go wrong, and the answer to it.
//! - [`lambda`]: a route as a Lambda function behind API Gateway; `src/bin` has one for each.
//! - [`logging`]: where log lines go and which of them.
//!
//! The routes, named after their paths:
//!
//! - [`assets`]: `GET /assets/{file}`
//! - `badge_last_seen`, `badge_total_beats`: `GET /badge/last-seen`, `GET /badge/total-beats`
//! - `badges`: `GET /badges`
//! - [`beat`]: `POST /api/beat`
//! - [`devices`]: `POST /api/devices`
//! - [`devices_token_generate`]: `POST /api/devices/{id}/token/generate`
//! - [`health`]: `GET /.well-known/health`
//! - [`home`]: `GET /`
//! - `og`: `GET /og.png`
//! - [`openapi`]: `GET /api/openapi.json`
//! - [`privacy`]: `GET /privacy`
//! - [`stats`]: `GET /api/stats`
//! - [`stats_page`]: `GET /stats`
//!
//! Behind more than one of them:
//!
//! - [`page`]: the frame around all pages, and their headers
//! - [`trace`]: the line on which devices stand at the time of their last beat
//! - `badge`: parameters, formats and headers of badges
//! - `pictures`: what was drawn lately
//! - `webhook`: telling others what happened (feature `webhook`)
//! - [`conditional`]: `ETag` and 304
//! - [`latest`]: answers that were made just now
//!
//! The functions that answer no HTTP request:
//!
//! - [`stream_connect`], [`stream_default`], [`stream_disconnect`]: the events of API Gateway's WebSockets
//! - [`pusher`]: sends the figures to them
//! - [`cloud`]: what these need of AWS
//! - [`deliverer`]: tells others what happened
//! - [`migrator`]: brings the tables up to date

#[cfg(feature = "lambda")]
pub mod cloud;
#[cfg(feature = "lambda")]
pub mod deliverer;
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
pub mod assets;
pub mod auth;
#[cfg(feature = "badges")]
mod badge;
#[cfg(feature = "badges")]
pub mod badge_last_seen;
#[cfg(feature = "badges")]
pub mod badge_total_beats;
#[cfg(feature = "badges")]
pub mod badges;
pub mod beat;
pub mod client_address;
mod conditional;
pub mod devices;
pub mod devices_token_generate;
mod failures;
#[cfg(all(fuzzing, feature = "badges"))]
pub mod fuzz;
pub mod health;
pub mod home;
#[cfg(feature = "lambda")]
pub mod lambda;
mod latest;
pub mod logging;
#[cfg(feature = "badges")]
pub mod og;
pub mod openapi;
mod page;
#[cfg(feature = "badges")]
mod pictures;
pub mod privacy;
pub mod problem;
pub mod routes;
pub mod stats;
pub mod stats_page;
mod trace;
#[cfg(feature = "webhook")]
pub mod webhook;

pub use app::App;
