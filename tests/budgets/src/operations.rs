//! Operations within one process: routes, from the request to the last byte of the answer; batches; the configuration.

use std::{
    net::Ipv4Addr,
    sync::atomic::{AtomicI64, Ordering},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, Response, StatusCode},
};
use futures_util::future::join_all;
use heartbeat_core::{
    config::Database, database::Target, notify::subscriptions::Subscriptions, runtime::Runtime,
    token::TokenHash,
};
use heartbeat_functions::{App, http::client_ip::Peer, logging, routes};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use time::{Duration, OffsetDateTime};

use crate::{
    COUNTED,
    callgrind::{self, Callgrind},
    fixture::{self, DEVICES, Fixture},
};

/// Number of processes that may fail.
const PROCESSES: usize = 3;

/// The clock that requests read, in nanoseconds of Unix time.
static CLOCK: AtomicI64 = AtomicI64::new(0);

/// What is counted in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// A beat by the short statement: within a second of one that moved `stats`.
    Beat,
    /// A beat by the full statement, which a channel that wants each beat makes the only one.
    BeatFull,
    /// Beats of 64 devices, which arrive together, without HTTP.
    Batch,
    /// The same by the full statement.
    BatchFull,
    /// The stats, as memory has them.
    Stats,
    /// The stats in a new second: read from the database.
    StatsNewSecond,
    /// The page `/` from the response cache, for a browser that takes it compressed.
    Page,
    /// The page `/` in a new second: the stats are read from the database, and it is rendered.
    PageNewSecond,
    /// A badge from the response cache.
    Badge,
    /// A badge that was never drawn.
    BadgeDrawn,
    /// Reading file and environment.
    Configuration,
}

/// The process in which operations are done.
#[derive(Debug)]
pub(crate) struct Process {
    app: App,
    router: TowerToHyperService<Router>,
    environment: Vec<(String, String)>,
}

impl Operation {
    /// All operations.
    pub(crate) const ALL: [Self; 11] = [
        Self::Beat,
        Self::BeatFull,
        Self::Batch,
        Self::BatchFull,
        Self::Stats,
        Self::StatsNewSecond,
        Self::Page,
        Self::PageNewSecond,
        Self::Badge,
        Self::BadgeDrawn,
        Self::Configuration,
    ];

    /// Its name in `tests/budgets.toml`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Beat => "beat",
            Self::BeatFull => "beat_full",
            Self::Batch => "batch_of_64",
            Self::BatchFull => "batch_of_64_full",
            Self::Stats => "stats",
            Self::StatsNewSecond => "stats_new_second",
            Self::Page => "page",
            Self::PageNewSecond => "page_new_second",
            Self::Badge => "badge",
            Self::BadgeDrawn => "badge_drawn",
            Self::Configuration => "configuration",
        }
    }

    /// The operation of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.name() == name)
    }

    /// How often it is done while it is counted: so that what happens once in a while is a small part, and that it takes
    /// some tenths of a second under valgrind.
    pub(crate) fn times(self) -> u32 {
        match self {
            Self::Batch | Self::BatchFull | Self::Page | Self::PageNewSecond => 5,
            Self::Beat | Self::BeatFull | Self::StatsNewSecond | Self::BadgeDrawn => 20,
            Self::Stats | Self::Badge | Self::Configuration => 50,
        }
    }

    /// Whether a second after its first run something else happens: beats need the full statement again, or visits are
    /// written.
    pub(crate) fn is_of_one_second(self) -> bool {
        matches!(self, Self::Beat | Self::Batch | Self::Page | Self::PageNewSecond)
    }

    /// Counts the instructions of one operation, in a process under valgrind. On a busy machine the database may fail to
    /// answer in time: then once more.
    pub(crate) async fn measure(self) -> i64 {
        let fixture = Fixture::new(self.name()).await;
        let this = fixture::program("instructions");
        let mut errors = String::new();
        for _ in 0..PROCESSES {
            let arguments = [COUNTED, self.name()];
            let mut counted = Callgrind::start(self.name(), &this, &arguments, &fixture.environment());
            fixture.relay.watch(counted.process.id());
            let output = counted.process.stderr.take().expect("its errors");
            let (status, output) = tokio::join!(counted.process.wait(), callgrind::read(output));
            if status.expect("a status").success() {
                return counted.last_section() / i64::from(self.times());
            }
            errors = output;
        }
        panic!("{}: {errors}", self.name());
    }

    /// Does it once. No two calls have the same `number`.
    pub(crate) async fn run(self, process: &Process, number: u32) {
        match self {
            Self::Beat | Self::BeatFull => process.beat().await,
            Self::Batch | Self::BatchFull => process.batch().await,
            Self::Stats => process.get("/api/stats").await,
            Self::StatsNewSecond => process.after_a_second("/api/stats").await,
            Self::Page => process.get("/").await,
            Self::PageNewSecond => process.after_a_second("/").await,
            Self::Badge => process.get("/badge/last-seen").await,
            // Digits are equally wide.
            Self::BadgeDrawn => process.get(&format!("/badge/last-seen?label=number%20{number:03}")).await,
            Self::Configuration => drop(fixture::load_config(&process.environment)),
        }
    }

    /// Whether the short statement must not be used.
    fn wants_each_beat(self) -> bool {
        matches!(self, Self::BeatFull | Self::BatchFull)
    }
}

impl Process {
    /// Starts what the server starts to answer requests, but for the sockets.
    pub(crate) async fn start(operation: Operation) -> Self {
        logging::start().expect("a log");
        let environment: Vec<_> = std::env::vars().collect();
        let config = fixture::load_config(&environment);
        let Database::Server(database) = &config.database else { panic!("a server") };
        let database = Target::new(database.expose().clone(), config.database_pooler);
        let wanted: &[&str] = if operation.wants_each_beat() { &["beat"] } else { &[] };
        let configured = Subscriptions::of("counted", wanted);
        set_clock(fixture::clock());
        let app = App::with_clock(clock, &database, config, Runtime::Server, configured);
        app.heartbeat.check().await.expect("the database");
        let router = routes::router(routes::ROUTES, Router::new(), app.clone());
        Self { app, router: TowerToHyperService::new(router), environment }
    }

    async fn beat(&self) {
        let request = Request::post("/api/beat").header("authorization", "Bearer token of device 0");
        self.send(request.body(Body::empty()).expect("a request")).await;
    }

    async fn batch(&self) {
        let beat = async |token: String| {
            self.app.heartbeat.beat(TokenHash::of(token.as_bytes()), None).await.expect("a beat");
        };
        join_all((0..DEVICES).map(|number| beat(format!("token of device {number}")))).await;
    }

    async fn get(&self, path: &str) {
        let request = Request::get(path).header("accept-encoding", "gzip, br");
        self.send(request.body(Body::empty()).expect("a request")).await;
    }

    async fn after_a_second(&self, path: &str) {
        set_clock(clock() + Duration::SECOND);
        self.get(path).await;
    }

    /// Sends a request as the server does, and reads the answer.
    async fn send(&self, mut request: Request<Body>) {
        request.extensions_mut().insert(Peer::Ip(Ipv4Addr::new(192, 0, 2, 1).into()));
        let Ok(response): Result<Response<Body>, _> = self.router.call(request).await;
        assert_eq!(response.status(), StatusCode::OK);
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        assert!(!body.is_empty());
    }
}

fn clock() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(CLOCK.load(Ordering::Relaxed).into()).expect("a time")
}

fn set_clock(now: OffsetDateTime) {
    let nanoseconds = i64::try_from(now.unix_timestamp_nanos()).expect("a time of this century");
    CLOCK.store(nanoseconds, Ordering::Relaxed);
}
