//! The shape of a route. Each route's file declares one as its `ROUTE`.

use axum::{Router, http::Method};

use crate::App;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Everybody; what it answers to a safe method may be read by scripts of other sites, too.
    Public,
    /// The owner. Nothing of it is kept in a cache, or can be read by other sites, and without a secret key in the
    /// configuration all of it answers 404.
    Owner,
    /// The owner, or a program with the `metrics_token`. As for the owner's routes, but it takes either of the two secrets
    /// in the configuration for it not to answer 404.
    Monitoring,
    /// Clients with a pairing code from the owner. Like the owner's, but for the key.
    Guest,
}

/// One route: the handler at one path, or at a few that differ in a detail.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// Unique name.
    pub name: &'static str,
    /// Its paths, as axum writes them.
    pub paths: &'static [&'static str],
    /// Allowed methods; `GET` allows `HEAD` as well.
    pub methods: &'static [Method],
    /// Makes its router. A route that the configuration switches off makes an empty one.
    pub router: fn(&App) -> Router<App>,
    /// Who may use it.
    pub audience: Audience,
    /// Whether it answers 503 while the database is away.
    pub needs_database: bool,
}

impl Route {
    /// Returns the name of its Lambda function, and of its program in `src/bin`. The routes of the owner's API have one in
    /// common, and so have pictures, and what tells of the past.
    #[must_use]
    pub fn function(&self) -> &'static str {
        let is_api = self.paths.iter().all(|path| path.starts_with("/api/"));
        match self.name {
            "absences" => "history",
            "card" | "heatmap" => "pictures",
            _ if self.audience == Audience::Owner && is_api => "owner",
            name => name,
        }
    }
}
