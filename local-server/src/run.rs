//! The server from start to stop.

use std::{io, sync::Arc, time::Duration};

use heartbeat_core::{
    Config, Error, Heartbeat,
    config::Database,
    database::{failure, schema::SchemaProblem},
};
use heartbeat_functions::{App, routes};
use sqlx::postgres::PgConnectOptions;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::timeout,
};

use crate::{
    embedded::{Embedded, EmbeddedError},
    listener::{ListenError, Listener},
    server,
    stream::{Stream, management},
};

/// The first and the longest wait between two attempts to reach the database.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// How long viewers may take to receive their last frame when the server stops.
const GOODBYE_LIMIT: Duration = Duration::from_secs(1);

/// Why the program ended other than on request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot start threads or handle signals: {0}")]
    Runtime(io::Error),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("embedded PostgreSQL: {0}")]
    Embedded(#[from] EmbeddedError),
    #[error("database: {0}")]
    Schema(#[from] SchemaProblem),
    #[error("database: {0}")]
    Database(#[from] failure::Failure),
}

/// The database that the configuration names, and the private server behind it, if it is one.
pub(crate) async fn database(config: &Config) -> Result<(PgConnectOptions, Option<Embedded>), EmbeddedError> {
    match &config.database {
        Database::Server(options) => Ok((options.expose().clone(), None)),
        Database::Embedded => {
            let embedded = Embedded::start(&config.home).await?;
            Ok((embedded.options().clone(), Some(embedded)))
        }
    }
}

/// Runs the server until it is told to stop by SIGINT or SIGTERM, or finds a database that it
/// cannot work on.
pub(crate) async fn run(config: Config) -> Result<(), Failure> {
    let mut signals = Signals::new().map_err(Failure::Runtime)?;
    let listener = Listener::bind(&config.bind).await?;
    let management = match &config.management_bind {
        Some(bind) => Some(Listener::bind(bind).await?),
        None => None,
    };
    let (options, embedded) = database(&config).await?;
    let heartbeat = Heartbeat::start(options);
    let app = App::new(heartbeat.clone(), config);
    let stream = Stream::new(app.clone(), management.is_none());
    let router = routes::router(&routes::ROUTES, stream.router(), app);
    if let Some(listener) = management {
        let calls = management::router(Arc::clone(&stream));
        tokio::spawn(server::serve(listener, calls, std::future::pending()));
    }

    tracing::info!("Heartbeat {} listens on {}", env!("CARGO_PKG_VERSION"), listener.describe());
    let mut unusable = None;
    let stop = async {
        tokio::select! {
            () = signals.next() => tracing::info!("stopping"),
            problem = watch_schema(&heartbeat) => unusable = Some(problem),
        }
        if timeout(GOODBYE_LIMIT, stream.stop()).await.is_err() {
            tracing::warn!("some viewers did not take their leave in time, and were cut off");
        }
    };
    server::serve(listener, router, stop).await;
    heartbeat.stop().await;
    if let Some(embedded) = embedded {
        embedded.stop().await;
    }
    unusable.map_or(Ok(()), |problem| Err(problem.into()))
}

/// Tries to reach the database until it answers. Ready only if its tables are not ours to use.
async fn watch_schema(heartbeat: &Heartbeat) -> SchemaProblem {
    let mut wait = FIRST_RETRY;
    loop {
        match heartbeat.check().await {
            Ok(()) => {
                tracing::info!("the database is ready");
                return std::future::pending().await;
            }
            Err(Error::Schema(problem)) => return problem,
            // The worker has logged why.
            Err(_) => tokio::time::sleep(wait).await,
        }
        wait = (wait * 2).min(LAST_RETRY);
    }
}

/// The signals that ask a server to stop.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
