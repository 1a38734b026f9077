//! The routes of Heartbeat. A route is a file with its handler and its `ROUTE`: name, paths, methods, router.
//!
//! - [`routes`]: the table of routes, and the one way to make a router of some or all of them.
//! - [`app`]: the dependencies that handlers ask for: the heartbeat, the configuration, the clock.
//! - [`api`]: routes for programs, below `/api` and `/.well-known`.
//! - [`pages`]: routes for people: HTML and the assets it loads.
//! - `badges`: routes that answer images (feature `badges`).
//! - [`http`]: behavior that several routes share: authentication, rate limiting, problems, caching.
//! - `lambda`: routes as Lambda functions, and the functions that answer other events (feature `lambda`).
//!   `src/bin` has a program of a few lines for each.
//! - [`background`]: the dispatcher and the jobs, wired for the server and for Lambda alike.
//! - [`logging`]: the format and the filter of the log.

pub mod api;
pub mod app;
pub mod background;
#[cfg(feature = "badges")]
pub mod badges;
#[cfg(all(fuzzing, feature = "badges"))]
pub mod fuzz;
pub mod http;
#[cfg(feature = "lambda")]
pub mod lambda;
pub mod logging;
pub mod pages;
pub mod routes;

pub use app::App;
