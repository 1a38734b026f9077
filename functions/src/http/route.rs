//! The shape of a route. Each route's file declares one as its `ROUTE`.

use axum::{Router, http::Method};

use crate::App;

/// One route: the handler at one path, or at a few that differ in a detail.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// Unique name; also that of its Lambda function and of its program in `src/bin`.
    pub name: &'static str,
    /// Its paths, as axum writes them.
    pub paths: &'static [&'static str],
    /// Allowed methods; `GET` allows `HEAD` as well.
    pub methods: &'static [Method],
    /// Makes its router. A route that the configuration switches off makes an empty one.
    pub router: fn(&App) -> Router<App>,
    /// Whether it answers 503 while the database is away.
    pub needs_database: bool,
}
