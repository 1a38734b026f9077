//! One connection to the database, with a deadline for all work on it.

use std::{io, sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions, Connection, Executor, PgConnection, error::DatabaseError, postgres::PgConnectOptions,
};
use time::OffsetDateTime;
use tokio::{
    sync::Mutex,
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};
use tracing::Instrument;

use super::{error, migrate};
use crate::{Clock, Error, runtime::Runtime, secret::Secret};

/// Idle time after which a connection is checked with an empty round trip before it is used. The database, or
/// a proxy, may have closed it meanwhile; a statement sent into a dead connection fails, and cannot always be
/// retried, as it may have been carried out.
const PING_AFTER_IDLE: time::Duration = time::Duration::SECOND;

/// The same on Lambda, where that round trip would double the latency of each request. NAT gateways of AWS
/// forget a connection after 350 seconds ("NAT gateway basics", Amazon VPC user guide).
const LAMBDA_PING_AFTER_IDLE: time::Duration = time::Duration::minutes(5);

/// Timeout of that round trip; the rest of the time is for a new connection.
const PING_TIMEOUT: Duration = Duration::from_millis(500);

/// Timeout of opening a connection, setting up the tables included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Settings of our sessions. The database's own statement timeout is shorter than ours, so that no statement
/// is carried out after its caller gave up. JIT compilation is off: on tables that PostgreSQL has not analyzed
/// yet it takes our small statements for large ones, and spends 23 ms on compiling what runs in one. Each
/// statement is planned once: ours have one good plan, and planning took more than half of a beat's time.
const SESSION_SETTINGS: &str =
    "SET statement_timeout = '1500ms'; SET jit = off; SET plan_cache_mode = force_generic_plan";

/// A statement is not begun with less time than this until its deadline.
const STATEMENT_MIN_TIMEOUT: Duration = Duration::from_millis(250);

/// Interval of log lines about an ongoing outage.
const OUTAGE_LOG_INTERVAL: Duration = Duration::from_mins(1);

/// One connection to the database, opened lazily and again after it broke.
#[derive(Debug)]
pub struct Session {
    options: Secret<PgConnectOptions>,
    connection: Option<PgConnection>,
    /// The connection that is being opened.
    opening: Option<JoinHandle<Result<PgConnection, error::DatabaseError>>>,
    clock: Clock,
    last_used: OffsetDateTime,
    ping_after_idle: time::Duration,
    /// When the ongoing outage was last logged. An outage is logged when it begins, at intervals, and when it
    /// ends, not with each request.
    outage_logged_at: Option<Instant>,
}

impl Session {
    /// Returns a session that connects when it is first used.
    #[must_use]
    pub fn new(options: PgConnectOptions, clock: Clock, runtime: Runtime) -> Self {
        Self {
            options: Secret::new(options.application_name("heartbeat").disable_statement_logging()),
            connection: None,
            opening: None,
            clock,
            last_used: clock(),
            ping_after_idle: match runtime {
                Runtime::Server => PING_AFTER_IDLE,
                Runtime::Lambda => LAMBDA_PING_AFTER_IDLE,
            },
            outage_logged_at: None,
        }
    }

    /// Runs `work` on the connection, which is opened first if need be, all of it before `deadline`. A
    /// connection that fails or times out is closed: what it was doing may or may not have been committed. The
    /// work is retried, once and on a new connection, only if the database certainly ended the old one before
    /// it heard of the work.
    pub async fn run<T>(
        &mut self,
        deadline: Instant,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error> + Clone,
    ) -> Result<T, Error> {
        let result = if Instant::now() + STATEMENT_MIN_TIMEOUT > deadline {
            Err(error::DatabaseError::TimedOut)
        } else {
            timeout_at(deadline, self.attempt(work)).await.unwrap_or(Err(error::DatabaseError::TimedOut))
        };
        match result {
            Ok(value) => {
                if self.outage_logged_at.take().is_some() {
                    tracing::info!("the database answers again");
                }
                Ok(value)
            }
            Err(error) => {
                self.log(&error);
                Err(error.into())
            }
        }
    }

    fn log(&mut self, error: &error::DatabaseError) {
        if error.is_ours() {
            tracing::error!(%error, "database");
        } else if self.outage_logged_at.is_none_or(|logged_at| logged_at.elapsed() > OUTAGE_LOG_INTERVAL) {
            tracing::error!(%error, "database");
            self.outage_logged_at = Some(Instant::now());
        } else {
            tracing::debug!(%error, "database");
        }
    }

    async fn attempt<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error> + Clone,
    ) -> Result<T, error::DatabaseError> {
        if let Some(connection) = self.reusable().await {
            let result = self.work_on(connection, work.clone()).await;
            if !result.as_ref().is_err_and(had_ended_before) {
                return Ok(result?);
            }
        }
        let connection = self.connect().await?;
        Ok(self.work_on(connection, work).await?)
    }

    /// Runs `work` on a connection that was taken out, and puts it back only when it is known to be healthy: a
    /// future that is dropped half way takes the connection with it.
    async fn work_on<T>(
        &mut self,
        mut connection: PgConnection,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        let result = work(&mut connection).await;
        if result.as_ref().map_or_else(leaves_connection_healthy, |_| true) {
            self.connection = Some(connection);
            self.last_used = (self.clock)();
        }
        result
    }

    async fn reusable(&mut self) -> Option<PgConnection> {
        let mut connection = self.connection.take()?;
        let idle = (self.clock)() - self.last_used;
        // A clock that was set back says nothing about idle time.
        if !(time::Duration::ZERO..self.ping_after_idle).contains(&idle) {
            timeout(PING_TIMEOUT, connection.ping()).await.ok()?.ok()?;
        }
        Some(connection)
    }

    /// Opens a connection, or waits on for one that an earlier caller had no time left for: setting up the
    /// tables of a database that is far away takes longer than a request may wait.
    async fn connect(&mut self) -> Result<PgConnection, error::DatabaseError> {
        if let Some(connection) = self.opened_meanwhile().await {
            return Ok(connection);
        }
        let options = &self.options;
        let opening = self.opening.get_or_insert_with(|| {
            let open = open(options.expose().clone());
            tokio::spawn(async { timeout(CONNECT_TIMEOUT, open).await? }.in_current_span())
        });
        let opened = opening.await;
        self.opening = None;
        // An error says that the task was dropped with its tokio runtime.
        opened.unwrap_or(Err(error::DatabaseError::TimedOut))
    }

    /// The connection that was opened after the last caller had given up, if there is one and it is alive.
    async fn opened_meanwhile(&mut self) -> Option<PgConnection> {
        let opened = self.opening.take_if(|opening| opening.is_finished())?;
        let mut connection = opened.await.ok()?.ok()?;
        timeout(PING_TIMEOUT, connection.ping()).await.ok()?.ok()?;
        Some(connection)
    }
}

/// Opens a connection to tables that this program can work on.
async fn open(options: PgConnectOptions) -> Result<PgConnection, error::DatabaseError> {
    let mut connection = options.connect().await?;
    migrate::ensure(&mut connection).await?;
    connection.execute(SESSION_SETTINGS).await?;
    Ok(connection)
}

/// A session that several tasks take turns with.
#[derive(Debug, Clone)]
pub struct SharedSession(Arc<Mutex<Session>>);

impl SharedSession {
    /// Shares a session.
    #[must_use]
    pub fn new(session: Session) -> Self {
        Self(Arc::new(Mutex::new(session)))
    }

    /// Does what [`Session::run`] does; waiting for the session counts towards the deadline.
    pub async fn run<T>(
        &self,
        deadline: Instant,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error> + Clone,
    ) -> Result<T, Error> {
        match timeout_at(deadline, self.0.lock()).await {
            Ok(mut session) => session.run(deadline, work).await,
            Err(_) => Err(Error::Unavailable),
        }
    }
}

/// Whether this error says that the database had ended the connection before it read what was sent: it
/// was shut down or an idle timeout fired (57P01 and 57P05 of SQLSTATE; PostgreSQL answers what it commits
/// before it shuts down), or the socket was closed.
fn had_ended_before(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => matches!(error.code().as_deref(), Some("57P01" | "57P05")),
        sqlx::Error::Io(error) => error.kind() == io::ErrorKind::BrokenPipe,
        _ => false,
    }
}

/// Whether a connection can go on after this error: only where a value was refused (classes 22 and 23
/// of SQLSTATE). After any other the state of the session may be the cause, and a new one the cure.
fn leaves_connection_healthy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
}
