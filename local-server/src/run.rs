//! The server from start to stop.

use std::{io, sync::Arc, time::Duration};

#[cfg(feature = "migrate")]
use heartbeat_core::database::transfer::TransferError;
use heartbeat_core::{
    Config, Error, Heartbeat,
    config::Database,
    database::{failure, schema::SchemaProblem},
    heartbeat::Process,
};
#[cfg(feature = "webhook")]
use heartbeat_functions::webhook;
use heartbeat_functions::{App, routes};
use sqlx::postgres::PgConnectOptions;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
    time::{Instant, timeout},
};

use crate::{
    embedded::{Embedded, EmbeddedError},
    health,
    listener::{ListenError, Listener},
    server::{self, Room},
    stream::{Stream, management},
};

/// The first and the longest wait between two attempts to reach the database.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// How long stopping may take as a whole: the ten seconds that service managers give before they
/// kill, less those in which a database that is late ends in less polite ways.
pub(crate) const STOP_LIMIT: Duration = Duration::from_secs(8);

/// How long the database may take to write down what only memory holds when the server stops.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// How long a delivery may take to its end when the server stops.
const DELIVERY_LIMIT: Duration = Duration::from_secs(1);

/// How long viewers may take to receive their last frame when the server stops.
const GOODBYE_LIMIT: Duration = Duration::from_secs(1);

/// Connections to the management calls at the same time.
const MANAGEMENT_ROOM: usize = 128;

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
    #[error("health: {0}")]
    Unwell(health::Unwell),
    #[cfg(feature = "migrate")]
    #[error("export: {0}")]
    Export(TransferError),
    #[cfg(feature = "migrate")]
    #[error("import: {0}; nothing was changed")]
    Import(TransferError),
    #[cfg(feature = "migrate")]
    #[error("interrupted; nothing was changed")]
    Interrupted,
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
    let room = Room::make(config.max_viewers);
    let listener = Listener::bind(&config.bind).await?;
    let management = match &config.management_bind {
        Some(bind) => Some(Listener::bind(bind).await?),
        None => None,
    };
    let (options, embedded) = tokio::select! {
        database = database(&config) => database?,
        () = signals.next() => return Ok(()),
    };
    let app = App::start(options.clone(), config, Process::Running);
    let heartbeat = app.heartbeat.clone();
    let stream = Stream::new(app.clone(), management.is_none(), room.viewers);
    let router = routes::router(routes::ROUTES, stream.router(), app.clone());
    if let Some(listener) = management {
        tracing::info!("the management calls listen on {}", listener.describe());
        let calls = management::router(Arc::clone(&stream));
        tokio::spawn(server::serve(listener, calls, MANAGEMENT_ROOM, std::future::pending()));
    }

    tracing::info!("Heartbeat {} listens on {}", env!("VERSION_AND_COMMIT"), listener.describe());
    if app.config.secret_key.is_none() {
        tracing::info!("no secret_key is set, so no device can be registered; heartbeat gen-key prints one");
    }
    let (stopping, stopped) = oneshot::channel();
    let deliverer = tokio::spawn(deliver(options, app, stopped));
    let mut unusable = None;
    let mut deadline = Instant::now();
    let stop = async {
        tokio::select! {
            () = signals.next() => tracing::info!("stopping"),
            problem = watch_schema(&heartbeat) => unusable = Some(problem),
        }
        deadline = Instant::now() + STOP_LIMIT;
        if timeout(GOODBYE_LIMIT, stream.stop()).await.is_err() {
            tracing::warn!("some viewers did not take their leave in time, and were cut off");
        }
    };
    server::serve(listener, router, room.connections, stop).await;
    // Without anybody who delivers there is nobody to tell.
    let _ = stopping.send(());
    if timeout(DELIVERY_LIMIT, deliverer).await.is_err() {
        tracing::info!("an event is still on its way; it is delivered, perhaps again, after the next start");
    }
    if timeout(FLUSH_LIMIT, heartbeat.stop()).await.is_err() {
        tracing::warn!("the database did not take the last visits in time");
    }
    if let Some(embedded) = embedded {
        embedded.stop(deadline).await;
    }
    unusable.map_or(Ok(()), |problem| Err(problem.into()))
}

/// Tells others what happens until `stopped`.
#[cfg(feature = "webhook")]
async fn deliver(database: PgConnectOptions, app: App, stopped: oneshot::Receiver<()>) {
    if let Some(deliverer) = webhook::to_discord(&app.config, database) {
        // An error says that the server has gone, which says the same.
        deliverer.run(&app.heartbeat, async { drop(stopped.await) }).await;
    }
}

/// Says that there is nobody to tell others.
#[cfg(not(feature = "webhook"))]
async fn deliver(_: PgConnectOptions, app: App, stopped: oneshot::Receiver<()>) {
    if app.config.webhook_url.is_some() {
        tracing::warn!("webhook.url is set, but this program was built without the feature webhook");
    }
    drop(stopped.await);
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
