//! What every handler can ask for.

use std::{convert::Infallible, ops::Deref, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, request::Parts},
};
use bytes::Bytes;
use heartbeat_core::{Clock, Config, Heartbeat, event::Audience, heartbeat::Process};
use rand::{rand_core::UnwrapErr, rngs::SysRng};
use sqlx::postgres::PgConnectOptions;
use time::OffsetDateTime;

#[cfg(feature = "badges")]
use crate::{conditional::Representation, pictures::Pictures};
use crate::{failures::Failures, latest::Latest, page};

/// The dependencies of the routes, built once by `main`. Each request has a clone, so clones are cheap.
#[derive(Debug, Clone)]
pub struct App(Arc<Dependencies>);

/// What an [`App`] holds.
#[derive(Debug)]
pub struct Dependencies {
    /// The core.
    pub heartbeat: Heartbeat,
    /// What the owner has set.
    pub config: Config,
    /// Tells the present time.
    pub clock: Clock,
    /// What pages may load.
    pub(crate) page_policy: HeaderValue,
    /// Failed attempts to authenticate.
    pub(crate) failures: Failures,
    /// The page that was last shown at `/`.
    pub(crate) home: Latest<Bytes>,
    /// The badges that were shown just now, each with its `Cache-Control`.
    #[cfg(feature = "badges")]
    pub(crate) badges: Latest<(Representation, HeaderValue)>,
    /// What was drawn lately.
    #[cfg(feature = "badges")]
    pub(crate) pictures: Pictures,
}

impl App {
    /// The dependencies of a program that runs by the clock of its machine.
    #[must_use]
    pub fn start(database: PgConnectOptions, config: Config, process: Process) -> Self {
        let heartbeat = Heartbeat::start(database, system_clock, process, Audience::of(&config));
        Self(Arc::new(Dependencies {
            heartbeat,
            page_policy: page::policy(&config),
            failures: Failures::default(),
            home: Latest::default(),
            config,
            clock: system_clock,
            #[cfg(feature = "badges")]
            badges: Latest::default(),
            #[cfg(feature = "badges")]
            pictures: Pictures::default(),
        }))
    }
}

impl Deref for App {
    type Target = Dependencies;

    fn deref(&self) -> &Dependencies {
        &self.0
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
