//! What every handler can ask for.

use std::{convert::Infallible, sync::Arc};

use axum::{extract::FromRequestParts, http::request::Parts};
use heartbeat_core::{Clock, Config, Heartbeat, event::Audience, heartbeat::Visits};
use rand::{rand_core::UnwrapErr, rngs::SysRng};
use sqlx::postgres::PgConnectOptions;
use time::OffsetDateTime;

#[cfg(feature = "badges")]
use crate::pictures::Pictures;

/// The dependencies of the routes, built once by `main`.
#[derive(Debug, Clone)]
pub struct App {
    /// The core.
    pub heartbeat: Heartbeat,
    /// What the owner has set.
    pub config: Arc<Config>,
    /// Tells the present time.
    pub clock: Clock,
    /// What was drawn lately.
    #[cfg(feature = "badges")]
    pub(crate) pictures: Arc<Pictures>,
}

impl App {
    /// The dependencies of a program that runs by the clock of its machine.
    #[must_use]
    pub fn start(database: PgConnectOptions, config: Config, visits: Visits) -> Self {
        let heartbeat = Heartbeat::start(database, system_clock, visits, Audience::of(&config));
        Self {
            heartbeat,
            config: Arc::new(config),
            clock: system_clock,
            #[cfg(feature = "badges")]
            pictures: Arc::default(),
        }
    }
}

/// The clock of this machine.
#[expect(clippy::disallowed_methods, reason = "the one place that looks at the clock")]
pub(crate) fn system_clock() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// The time at which a request is handled.
#[derive(Debug, Clone, Copy)]
pub struct Now(pub OffsetDateTime);

impl FromRequestParts<App> for Now {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self((app.clock)()))
    }
}

/// Randomness fit for secrets, from the operating system.
#[derive(Debug)]
pub struct Random(pub UnwrapErr<SysRng>);

impl FromRequestParts<App> for Random {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &App) -> Result<Self, Infallible> {
        Ok(Self(UnwrapErr(SysRng)))
    }
}
