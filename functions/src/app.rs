//! Dependencies and extractors that every handler can ask for.

use std::{convert::Infallible, ops::Deref, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, request::Parts},
};
use heartbeat_core::{
    Clock, Config, Heartbeat, database::Target, notify::subscriptions::Subscriptions, runtime::Runtime,
};
use rand::{rand_core::UnwrapErr, rngs::SysRng};
use time::OffsetDateTime;

use crate::http::{
    document::Document,
    html,
    owner_key::{KeySource, OwnerKey},
    problem::Problem,
    rate_limit::RateLimiter,
    request_metrics::RequestMetrics,
    response_cache::{HistoryVersion, ResponseCache},
    single_flight::SingleFlight,
};
#[cfg(feature = "badges")]
use crate::{badges::image_cache::ImageCache, http::conditional::Representation};

/// Dependencies of the routes, built once by `main`. Each request gets a clone, so clones are cheap.
#[derive(Debug, Clone)]
pub struct App(Arc<Dependencies>);

/// Contents of an [`App`].
#[derive(Debug)]
pub struct Dependencies {
    /// Core service: beats, devices, stats.
    pub heartbeat: Heartbeat,
    /// Configuration by the owner.
    pub config: Config,
    /// Clock that requests read.
    pub clock: Clock,
    /// `Content-Security-Policy` of the pages.
    pub(crate) page_policy: HeaderValue,
    /// The owner's key as it is now.
    pub(crate) owner_key: OwnerKey,
    /// Whether views of pages are counted.
    pub(crate) counts_visits: bool,
    /// Rate limiter of failed authentication.
    pub(crate) rate_limiter: RateLimiter,
    /// Metrics of the requests.
    pub(crate) request_metrics: RequestMetrics,
    /// Rate limiter of wrong pairing codes.
    pub(crate) pairing_rate_limiter: RateLimiter,
    /// Rate limiter of wrong codes in links.
    pub(crate) link_rate_limiter: RateLimiter,
    /// Response cache of the pages that show the stats.
    pub(crate) page_cache: ResponseCache<Arc<Document>, HistoryVersion>,
    /// Pages that are being rendered for it.
    pub(crate) page_flights: SingleFlight<Result<Arc<Document>, Problem>>,
    /// Response cache of the badges, each with its `Cache-Control`.
    #[cfg(feature = "badges")]
    pub(crate) badge_cache: ResponseCache<(Representation, HeaderValue)>,
    /// Response cache of the pictures, each with its `Cache-Control`.
    #[cfg(feature = "badges")]
    pub(crate) picture_cache: ResponseCache<(Representation, HeaderValue), HistoryVersion>,
    /// Image cache of badges and link previews.
    #[cfg(feature = "badges")]
    pub(crate) image_cache: ImageCache,
}

impl App {
    /// Starts the core service with the system clock. Events that the configured channels subscribe to go into
    /// the outbox.
    #[must_use]
    pub fn start(database: &Target, config: Config, runtime: Runtime, configured: Subscriptions) -> Self {
        Self::with_clock(system_clock, database, config, runtime, configured)
    }

    /// Does what [`start`](Self::start) does, with another clock: one that stands still while instructions are counted.
    #[must_use]
    pub fn with_clock(
        clock: Clock,
        database: &Target,
        config: Config,
        runtime: Runtime,
        configured: Subscriptions,
    ) -> Self {
        let heartbeat = Heartbeat::start(database, clock, runtime, configured, config.choices());
        Self(Arc::new(Dependencies {
            request_metrics: RequestMetrics::new(heartbeat.metrics().registry()),
            heartbeat,
            page_policy: html::page_policy(&config),
            owner_key: OwnerKey::new(config.secret_key.clone(), clock()),
            counts_visits: true,
            rate_limiter: RateLimiter::of_authentication(),
            pairing_rate_limiter: RateLimiter::of_pairing(),
            link_rate_limiter: RateLimiter::of_links(),
            page_cache: ResponseCache::default(),
            page_flights: SingleFlight::default(),
            config,
            clock,
            #[cfg(feature = "badges")]
            badge_cache: ResponseCache::default(),
            #[cfg(feature = "badges")]
            picture_cache: ResponseCache::default(),
            #[cfg(feature = "badges")]
            image_cache: ImageCache::default(),
        }))
    }

    /// Has views of pages not counted, as there is no database to count them in.
    ///
    /// # Panics
    ///
    /// If there are clones of this already.
    #[must_use]
    pub fn without_visits(mut self) -> Self {
        Arc::get_mut(&mut self.0).expect("no clones yet").counts_visits = false;
        self
    }

    /// Has the owner's key read again from `source` while the program runs, as it may be replaced there.
    pub fn renew_owner_key_from(&self, source: Box<dyn KeySource>) {
        self.owner_key.renew_from(source);
    }
}

impl Deref for App {
    type Target = Dependencies;

    fn deref(&self) -> &Dependencies {
        &self.0
    }
}

/// Returns the time of the system clock.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
pub(crate) fn system_clock() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// Time at which a request is handled.
#[derive(Debug, Clone, Copy)]
pub struct Now(pub OffsetDateTime);

impl FromRequestParts<App> for Now {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self((app.clock)()))
    }
}

/// Cryptographically secure random numbers, from the operating system.
#[derive(Debug)]
pub struct Random(pub UnwrapErr<SysRng>);

impl FromRequestParts<App> for Random {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &App) -> Result<Self, Infallible> {
        Ok(Self(UnwrapErr(SysRng)))
    }
}
