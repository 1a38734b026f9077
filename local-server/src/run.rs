//! The server from start to graceful shutdown.

use std::{io, sync::Arc, time::Duration};

#[cfg(feature = "migrate")]
use heartbeat_core::database::dump::DumpError;
use heartbeat_core::{
    Config, Error, Heartbeat,
    config::Database,
    database::{Pooler, Target, error::DatabaseError},
    error::SchemaProblem,
    runtime::Runtime,
    token::SECRET_KEY_SAFE_BYTES,
};
use heartbeat_functions::{
    App,
    background::{self, Background},
    routes,
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant, timeout},
};

use crate::{
    embedded::{Embedded, EmbeddedError},
    health,
    limits::ConnectionLimits,
    listener::{ListenError, Listener, UnixAccess},
    owner, server,
    stream::{LocalStream, management},
    tasks::Tasks,
};

/// Shortest backoff between attempts to reach the database at start.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// Longest backoff between attempts to reach the database at start.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// Timeout of the graceful shutdown as a whole. Service managers kill after ten seconds; the last two of them are
/// for forcing a slow embedded database to stop.
pub(crate) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(8);

/// Timeout of writing the state that only memory holds when the server stops.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Timeout of background tasks when the server stops; a delivery may end meanwhile.
const TASKS_STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// Timeout of closing the connections of viewers when the server stops.
const VIEWERS_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Limits of connections to the management calls, which come from this machine alone.
const MANAGEMENT_LIMITS: ConnectionLimits = ConnectionLimits {
    max_viewers: 0,
    max_viewers_per_client: 0,
    max_connections: 128,
    max_connections_per_client: 128,
    max_evicting: 16,
    max_evicting_per_client: 16,
};

/// An error that ended the program.
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
    #[error(transparent)]
    Owner(owner::OwnerError),
    #[error("{0} ended unexpectedly; the log says why")]
    TaskEnded(&'static str),
    #[cfg(feature = "migrate")]
    #[error("export: {0}")]
    Export(DumpError),
    #[cfg(feature = "migrate")]
    #[error("import: {0}; nothing was changed")]
    Import(DumpError),
    #[cfg(feature = "migrate")]
    #[error("demo: {0}; nothing was changed")]
    Demo(DumpError),
    #[cfg(feature = "migrate")]
    #[error("interrupted; nothing was changed")]
    Interrupted,
}

/// Returns the configured database, and the embedded server behind it, if it is one.
pub(crate) async fn database(config: &Config) -> Result<(Target, Option<Embedded>), EmbeddedError> {
    match &config.database {
        Database::Server(options) => {
            Ok((Target::new(options.expose().clone(), config.database_pooler), None))
        }
        Database::Embedded => {
            let embedded = Embedded::start(&config.home).await?;
            Ok((Target::new(embedded.options().clone(), Pooler::None), Some(embedded)))
        }
    }
}

/// Runs the server until SIGINT or SIGTERM, or until an error that it cannot recover from.
pub(crate) async fn run(config: Config) -> Result<(), RunError> {
    let mut signals = Signals::new().map_err(RunError::Runtime)?;
    let limits = ConnectionLimits::new(config.max_viewers);
    let access = UnixAccess { mode: config.bind_mode, group: config.bind_group.as_deref() };
    let listener = Listener::bind(&config.bind, access).await?;
    let management = match &config.management_bind {
        Some(bind) => Some(Listener::bind(bind, UnixAccess::OWNER).await?),
        None => None,
    };
    let (target, mut embedded) = tokio::select! {
        database = database(&config) => database?,
        () = signals.next() => return Ok(()),
    };
    log_doubtful_settings(&config);
    let configured = background::subscriptions(&config, Runtime::Server);
    let app = App::start(&target, config, Runtime::Server, configured);
    let metrics = app.heartbeat.metrics();
    let background = Background::new(&app.config, &target, Runtime::Server, metrics);
    let stream = LocalStream::new(app.clone(), management.is_none(), limits);
    let router = routes::router(routes::ROUTES, stream.router(), app.clone());
    tracing::info!(version = env!("VERSION_AND_COMMIT"), "Heartbeat");
    listener.log_endpoint("listening");
    let mut tasks = start_tasks(background, app.heartbeat.clone(), management, &stream);

    let mut result = Ok(());
    let mut deadline = Instant::now();
    let stop = async {
        result = tokio::select! {
            () = signals.next() => Ok(()),
            problem = watch_schema(&app.heartbeat) => Err(problem.into()),
            name = tasks.ended() => Err(RunError::TaskEnded(name)),
            () = app.heartbeat.ended() => Err(RunError::TaskEnded("the worker that records beats")),
            () = supervisor_ended(embedded.as_mut()) => Err(RunError::TaskEnded("the supervisor of PostgreSQL")),
        };
        tracing::info!("stopping");
        deadline = Instant::now() + SHUTDOWN_TIMEOUT;
        if timeout(VIEWERS_CLOSE_TIMEOUT, stream.stop()).await.is_err() {
            tracing::warn!("some viewers did not close their connections in time, and were cut off");
        }
    };
    server::serve(listener, router, limits, &app.config.trusted_proxies, stop).await;
    stop_all(tasks, &app.heartbeat, embedded, deadline).await;
    result
}

/// Waits until the supervisor of an embedded database has ended, without which nothing restarts the database.
async fn supervisor_ended(embedded: Option<&mut Embedded>) {
    match embedded {
        Some(embedded) => embedded.ended().await,
        None => std::future::pending().await,
    }
}

/// Starts what runs beside the requests.
fn start_tasks(
    background: Background,
    heartbeat: Heartbeat,
    management: Option<Listener>,
    stream: &Arc<LocalStream>,
) -> Tasks {
    let mut tasks = Tasks::new();
    tasks.start("notifications and jobs", move |stop| async move {
        background.run(&heartbeat, stop.received()).await;
    });
    let changes = Arc::clone(stream);
    tasks.start("the stream of changes", |stop| changes.run(stop.received()));
    if let Some(listener) = management {
        listener.log_endpoint("management calls");
        let calls = management::router(Arc::clone(stream));
        tasks.start("management calls", |stop| async move {
            server::serve(listener, calls, MANAGEMENT_LIMITS, &[], stop.received()).await;
        });
    }
    tasks
}

/// Stops everything behind the requests: tasks, then the worker, then the database, which is shut down cleanly
/// until `deadline`.
async fn stop_all(tasks: Tasks, heartbeat: &Heartbeat, embedded: Option<Embedded>, deadline: Instant) {
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
}

/// Logs settings that are missing or weak, and those of features that this program was built without.
fn log_doubtful_settings(config: &Config) {
    match &config.secret_key {
        None => {
            tracing::info!(
                "no secret_key is set, so no device can be registered; heartbeat gen-key prints one"
            );
        }
        Some(key) if key.is_short() => tracing::warn!(
            "secret_key has fewer than {SECRET_KEY_SAFE_BYTES} characters and may be guessed; heartbeat gen-key prints a better one"
        ),
        Some(_) => {}
    }
    if config.webhook_url.is_some() && !cfg!(feature = "webhook") {
        tracing::warn!("webhook.url is set, but this program was built without the feature webhook");
    }
    match (&config.mail_url, &config.mail_from) {
        (Some(_), None) => tracing::warn!("mail.url is set, but mail.from is not, so no mail can be sent"),
        (None, Some(_)) => tracing::warn!("mail.from is set, but mail.url is not, so no mail can be sent"),
        _ => {}
    }
}

/// Polls the database with backoff until it answers. Returns only if this program cannot work with its schema.
async fn watch_schema(heartbeat: &Heartbeat) -> SchemaProblem {
    let mut backoff = BACKOFF_MIN;
    loop {
        match heartbeat.check().await {
            Ok(()) => {
                tracing::info!("the database is ready");
                return std::future::pending().await;
            }
            Err(Error::Schema(problem)) => return problem,
            // The session has logged the error.
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
