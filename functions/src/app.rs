//! What every handler can ask for.

use std::{convert::Infallible, ops::Deref, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, request::Parts},
};
use bytes::Bytes;
use heartbeat_core::{Clock, Config, Heartbeat, notify::subscriptions::Subscriptions, runtime::Runtime};
use rand::{rand_core::UnwrapErr, rngs::SysRng};
use sqlx::postgres::PgConnectOptions;
use time::OffsetDateTime;

use crate::http::{html, rate_limit::RateLimiter, response_cache::ResponseCache};
#[cfg(feature = "badges")]
use crate::{badges::image_cache::ImageCache, http::conditional::Representation};

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
    pub(crate) rate_limiter: RateLimiter,
    /// The page that was last shown at `/`.
    pub(crate) home: ResponseCache<Bytes>,
    /// The badges that were shown just now, each with its `Cache-Control`.
    #[cfg(feature = "badges")]
    pub(crate) badges: ResponseCache<(Representation, HeaderValue)>,
    /// What was drawn lately.
    #[cfg(feature = "badges")]
    pub(crate) image_cache: ImageCache,
}

impl App {
    /// Starts a heartbeat that goes by the clock of this machine. Events that the configured channels subscribe
    /// to go into the outbox.
    #[must_use]
    pub fn start(
        database: &PgConnectOptions,
        config: Config,
        runtime: Runtime,
        configured: Subscriptions,
    ) -> Self {
        let heartbeat = Heartbeat::start(database, system_clock, runtime, configured);
        Self(Arc::new(Dependencies {
            heartbeat,
            page_policy: html::page_policy(&config),
            rate_limiter: RateLimiter::default(),
            home: ResponseCache::default(),
            config,
            clock: system_clock,
            #[cfg(feature = "badges")]
            badges: ResponseCache::default(),
            #[cfg(feature = "badges")]
            image_cache: ImageCache::default(),
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
