//! The server from start to stop.

use std::{io, sync::Arc, time::Duration};

#[cfg(feature = "migrate")]
use heartbeat_core::database::dump::DumpError;
use heartbeat_core::{
    Config, Error, Heartbeat, config::Database, database::error::DatabaseError, error::SchemaProblem,
    runtime::Runtime,
};
use heartbeat_functions::{
    App,
    background::{self, Background},
    routes,
};
use sqlx::postgres::PgConnectOptions;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant, timeout},
};

use crate::{
    embedded::{Embedded, EmbeddedError},
    health,
    limits::ConnectionLimits,
    listener::{ListenError, Listener},
    server,
    stream::{LocalStream, management},
    tasks::Tasks,
};

/// Backoff between attempts to reach the database at start.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// Timeout of stopping as a whole: the ten seconds that service managers give before they kill, less those in
/// which a database that is late is stopped in less polite ways.
pub(crate) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(8);

/// Timeout of writing what only memory holds when the server stops.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Timeout of background tasks when the server stops; a delivery may end meanwhile.
const TASKS_STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// Timeout of sending viewers their last frame when the server stops.
const VIEWERS_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Connections to the management calls at the same time.
const MANAGEMENT_MAX_CONNECTIONS: usize = 128;

/// Why the program ended other than on request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("cannot start threads or handle signals: {0}")]
    Runtime(io::Error),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("embedded PostgreSQL: {0}")]
    Embedded(#[from] EmbeddedError),
    #[error("database: {0}")]
    Schema(#[from] SchemaProblem),
    #[error("database: {0}")]
    Database(#[from] DatabaseError),
    #[error("health: {0}")]
    Unhealthy(health::Unhealthy),
    #[error("{0} ended unexpectedly; the log says why")]
    TaskEnded(&'static str),
    #[cfg(feature = "migrate")]
    #[error("export: {0}")]
    Export(DumpError),
    #[cfg(feature = "migrate")]
    #[error("import: {0}; nothing was changed")]
    Import(DumpError),
    #[cfg(feature = "migrate")]
    #[error("interrupted; nothing was changed")]
    Interrupted,
}

/// Returns the database that the configuration names, and the private server behind it, if it is one.
pub(crate) async fn database(config: &Config) -> Result<(PgConnectOptions, Option<Embedded>), EmbeddedError> {
    match &config.database {
        Database::Server(options) => Ok((options.expose().clone(), None)),
        Database::Embedded => {
            let embedded = Embedded::start(&config.home).await?;
            Ok((embedded.options().clone(), Some(embedded)))
        }
    }
}

/// Runs the server until it is told to stop by SIGINT or SIGTERM, or cannot go on.
pub(crate) async fn run(config: Config) -> Result<(), RunError> {
    let mut signals = Signals::new().map_err(RunError::Runtime)?;
    let limits = ConnectionLimits::new(config.max_viewers);
    let listener = Listener::bind(&config.bind).await?;
    let management = match &config.management_bind {
        Some(bind) => Some(Listener::bind(bind).await?),
        None => None,
    };
    let (options, embedded) = tokio::select! {
        database = database(&config) => database?,
        () = signals.next() => return Ok(()),
    };
    warn_of_missing_parts(&config);
    let background = Background::new(&config, options.clone(), Runtime::Server);
    let configured = background::subscriptions(&config, Runtime::Server);
    let app = App::start(&options, config, Runtime::Server, configured);
    let stream = LocalStream::new(app.clone(), management.is_none(), limits.max_viewers);
    let router = routes::router(routes::ROUTES, stream.router(), app.clone());

    let mut tasks = Tasks::new();
    if let Some(listener) = management {
        listener.log_address("management calls");
        let calls = management::router(Arc::clone(&stream));
        tasks.start("management calls", |stop| {
            server::serve(listener, calls, MANAGEMENT_MAX_CONNECTIONS, stop.received())
        });
    }
    tracing::info!(version = env!("VERSION_AND_COMMIT"), "Heartbeat");
    listener.log_address("listening");
    let heartbeat = app.heartbeat.clone();
    tasks.start("notifications and jobs", move |stop| async move {
        background.run(&app.heartbeat, stop.received()).await;
    });

    let mut ended = Ok(());
    let mut deadline = Instant::now();
    let stop = async {
        ended = tokio::select! {
            () = signals.next() => Ok(()),
            problem = watch_schema(&heartbeat) => Err(problem.into()),
            name = tasks.ended() => Err(RunError::TaskEnded(name)),
        };
        tracing::info!("stopping");
        deadline = Instant::now() + SHUTDOWN_TIMEOUT;
        if timeout(VIEWERS_CLOSE_TIMEOUT, stream.stop()).await.is_err() {
            tracing::warn!("some viewers did not close their connections in time, and were cut off");
        }
    };
    server::serve(listener, router, limits.max_connections, stop).await;
    for task in tasks.stop(TASKS_STOP_TIMEOUT).await {
        tracing::info!(
            task,
            "a task did not stop in time; what it was doing is done again after the next start"
        );
    }
    if timeout(FLUSH_TIMEOUT, heartbeat.stop()).await.is_err() {
        tracing::warn!("the database did not take the last visits in time");
    }
    if let Some(embedded) = embedded {
        embedded.stop(deadline).await;
    }
    ended
}

/// Logs settings that are missing, or that this program was built without.
fn warn_of_missing_parts(config: &Config) {
    if config.secret_key.is_none() {
        tracing::info!("no secret_key is set, so no device can be registered; heartbeat gen-key prints one");
    }
    if config.webhook_url.is_some() && !cfg!(feature = "webhook") {
        tracing::warn!("webhook.url is set, but this program was built without the feature webhook");
    }
}

/// Retries until the database answers, with backoff. Ready only if this program cannot work on its tables.
async fn watch_schema(heartbeat: &Heartbeat) -> SchemaProblem {
    let mut backoff = BACKOFF_MIN;
    loop {
        match heartbeat.check().await {
            Ok(()) => {
                tracing::info!("the database is ready");
                return std::future::pending().await;
            }
            Err(Error::Schema(problem)) => return problem,
            // The session has logged why.
            Err(_) => tokio::time::sleep(backoff).await,
        }
        backoff = (backoff * 2).min(BACKOFF_MAX);
    }
}

/// Signals that ask a server to stop.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
