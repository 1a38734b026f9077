//! One connection to the database, with a deadline for all work on it.

use std::{io, pin::pin, sync::Arc, time::Duration};

use sqlx::error::DatabaseError;
use time::OffsetDateTime;
use tokio::{
    sync::Mutex,
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};
use tracing::Instrument;

use super::{connection::Connection, deadline::DeadlineTimer, error, migrate, target::Target};
use crate::{Clock, Error, runtime::Runtime};

/// Idle time after which a connection is checked with an empty round trip before it is used. The database, or
/// a proxy, may have closed it meanwhile; a statement sent into a dead connection fails, and cannot always be
/// retried, as it may have been carried out.
const PING_AFTER_IDLE: time::Duration = time::Duration::SECOND;

/// The same on Lambda, where that round trip would double the latency of each request. NAT gateways of AWS
/// forget a connection after 350 seconds ("NAT gateway basics", Amazon VPC user guide).
const LAMBDA_PING_AFTER_IDLE: time::Duration = time::Duration::minutes(5);

/// Timeout of that round trip; the rest of the time is for a new connection.
const PING_TIMEOUT: Duration = Duration::from_millis(500);

/// Timeout of opening a connection to tables that are up to date.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Timeout of setting the tables up, or of expanding them: longer than any migration takes, so that none is rolled
/// back again and again.
const MIGRATION_TIMEOUT: Duration = Duration::from_hours(1);

/// Returns the settings of our sessions. JIT compilation is off: on tables that PostgreSQL has not analyzed
/// yet it takes our small statements for large ones, and spends 23 ms on compiling what runs in one. Each
/// statement is planned once: ours have one good plan, and planning took more than half of a beat's time. A page read
/// through an index costs what any other does, since the tables that a beat looks at are in memory: with PostgreSQL's
/// own figure, made for turning disks, a batch read all of a thousand devices to find fifty.
///
/// Behind a pooler, a client that vanishes between two statements of a transaction holds its locks for a few seconds at
/// most, and what is answered as text does not depend on the database's own settings.
fn settings(statement_timeout: Duration) -> [String; 6] {
    [
        format!("statement_timeout = {}", statement_timeout.as_millis()),
        "jit = off".to_owned(),
        "plan_cache_mode = force_generic_plan".to_owned(),
        "random_page_cost = 1.1".to_owned(),
        "idle_in_transaction_session_timeout = 5000".to_owned(),
        "bytea_output = hex".to_owned(),
    ]
}

/// The database's own timeout of statements, where their callers have that much time.
const STATEMENT_TIMEOUT: Duration = Duration::from_millis(1_500);

/// The database's own timeout is set in such steps, so that it need not be set again for each statement. With less than
/// one step left, a statement is not begun.
const STATEMENT_TIMEOUT_STEP: Duration = Duration::from_millis(250);

/// Time between the database's timeout and ours, for the error to arrive, besides [`ROUND_TRIPS`].
const STATEMENT_TIMEOUT_MARGIN: Duration = Duration::from_millis(250);

/// Round trips of a statement at most: setting the timeout, preparing, running it, and the commit behind a pooler.
const ROUND_TRIPS: u32 = 4;

/// Round trips that are longer than this are an exception, such as the one in which a database wakes.
const ROUND_TRIP_MAX: Duration = Duration::from_millis(200);

/// Interval of log lines about an ongoing outage.
const OUTAGE_LOG_INTERVAL: Duration = Duration::from_mins(1);

/// One connection to the database, opened lazily and again after it broke.
#[derive(Debug)]
pub struct Session {
    target: Target,
    connection: Option<Open>,
    /// The connection that is being opened.
    opening: Option<JoinHandle<Result<Open, error::DatabaseError>>>,
    timer: DeadlineTimer,
    clock: Clock,
    runtime: Runtime,
    last_used: OffsetDateTime,
    ping_after_idle: time::Duration,
    /// When an outage was last logged. One is logged when it begins, at intervals, and when it ends, not with each
    /// request; and where outages come and go, not more often.
    outage_logged_at: Option<Instant>,
    /// Whether the log says that there is an outage.
    is_outage_logged: bool,
}

impl Session {
    /// Returns a session that connects when it is first used.
    #[must_use]
    pub fn new(target: Target, clock: Clock, runtime: Runtime) -> Self {
        Self {
            target,
            connection: None,
            opening: None,
            timer: DeadlineTimer::default(),
            clock,
            runtime,
            last_used: clock(),
            ping_after_idle: match runtime {
                Runtime::Server => PING_AFTER_IDLE,
                Runtime::Lambda => LAMBDA_PING_AFTER_IDLE,
            },
            outage_logged_at: None,
            is_outage_logged: false,
        }
    }

    /// Runs `work` on the connection, which is opened first if need be, all of it before `deadline`. A
    /// connection that fails or times out is closed: what it was doing may or may not have been committed. The
    /// work is retried, once and on a new connection, only if the database certainly ended the old one before
    /// it heard of the work.
    pub async fn run<T>(
        &mut self,
        deadline: Instant,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, sqlx::Error> + Clone,
    ) -> Result<T, Error> {
        let mut timer = std::mem::take(&mut self.timer);
        let attempt = timer.run(deadline, pin!(self.attempt(deadline, work))).await;
        self.timer = timer;
        match attempt.unwrap_or(Err(error::DatabaseError::TimedOut)) {
            Ok(value) => {
                if std::mem::take(&mut self.is_outage_logged) {
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

    /// Returns the time that the database takes to answer when it has nothing to do; zero without a connection.
    fn round_trip(&self) -> Duration {
        self.connection.as_ref().map_or(Duration::ZERO, |open| open.round_trip)
    }

    fn log(&mut self, error: &error::DatabaseError) {
        if error.is_ours() {
            tracing::error!(%error, "database");
        } else if self.outage_logged_at.is_none_or(|logged_at| logged_at.elapsed() > OUTAGE_LOG_INTERVAL) {
            tracing::error!(%error, "database");
            self.outage_logged_at = Some(Instant::now());
            self.is_outage_logged = true;
        } else {
            tracing::debug!(%error, "database");
        }
    }

    async fn attempt<T>(
        &mut self,
        deadline: Instant,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, sqlx::Error> + Clone,
    ) -> Result<T, error::DatabaseError> {
        if let Some(open) = self.reusable().await {
            let result = self.work_on(open, deadline, work.clone()).await;
            if !result.as_ref().is_err_and(had_ended_before) {
                return result;
            }
        }
        let open = self.connect().await?;
        self.work_on(open, deadline, work).await
    }

    /// Runs `work` on a connection that was taken out, and puts it back only when it is known to be healthy: a
    /// future that is dropped half way takes the connection with it.
    async fn work_on<T>(
        &mut self,
        mut open: Open,
        deadline: Instant,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, sqlx::Error>,
    ) -> Result<T, error::DatabaseError> {
        let Some(timeout) = open.statement_timeout_before(deadline) else {
            // A pooler keeps a session for a transaction for as long as that lasts.
            self.connection = Some(open).filter(|open| !open.connection.is_in_transaction());
            return Err(error::DatabaseError::TimedOut);
        };
        open.set_statement_timeout(timeout).await?;
        if open.connection.is_pooled() {
            open.begin_before(deadline).await?;
        }
        let result = open.carry_out(work).await;
        if result.as_ref().map_or_else(leaves_connection_healthy, |_| true) {
            self.connection = Some(open);
            self.last_used = (self.clock)();
        }
        Ok(result?)
    }

    async fn reusable(&mut self) -> Option<Open> {
        let open = self.connection.take()?;
        if open.connection.is_pooled() {
            return open.begun().await;
        }
        let idle = (self.clock)() - self.last_used;
        // A clock that was set back says nothing about idle time.
        if (time::Duration::ZERO..self.ping_after_idle).contains(&idle) {
            Some(open)
        } else {
            open.checked().await
        }
    }

    /// Opens a connection. A server goes on with it when the caller's time is up, and the next caller takes it over:
    /// setting up the tables of a database that is far away takes longer than a request may wait. Lambda freezes what
    /// goes on after a response.
    async fn connect(&mut self) -> Result<Open, error::DatabaseError> {
        if self.runtime == Runtime::Lambda {
            return Box::pin(open(self.target.clone())).await;
        }
        if let Some(opening) = &self.opening {
            let idled = opening.is_finished();
            match self.opened().await {
                Ok(open) if idled => {
                    if let Some(open) = open.checked().await {
                        return Ok(open);
                    }
                }
                Ok(open) => return Ok(open),
                // It began before this caller came, and perhaps before an outage ended.
                Err(error) => self.log(&error),
            }
        }
        self.opened().await
    }

    /// The connection that is being opened, or a new one.
    async fn opened(&mut self) -> Result<Open, error::DatabaseError> {
        let opening =
            self.opening.get_or_insert_with(|| tokio::spawn(open(self.target.clone()).in_current_span()));
        let opened = opening.await;
        self.opening = None;
        // An error says that the task was dropped with its tokio runtime.
        opened.unwrap_or(Err(error::DatabaseError::TimedOut))
    }
}

/// An open connection.
#[derive(Debug)]
struct Open {
    connection: Connection,
    /// The database's own timeout of its statements.
    statement_timeout: Duration,
    /// Time that the database takes to answer when it has nothing to do.
    round_trip: Duration,
}

impl Open {
    /// The connection, unless the database has closed it.
    async fn checked(mut self) -> Option<Self> {
        let asked_at = Instant::now();
        timeout(PING_TIMEOUT, self.connection.ping()).await.ok()?.ok()?;
        // The first one was perhaps measured in a busy moment.
        self.round_trip = self.round_trip.min(asked_at.elapsed());
        Some(self)
    }

    /// The connection in a transaction, unless the pooler has closed it. The begin says as much as an empty round trip, and
    /// may wait for a session.
    async fn begun(mut self) -> Option<Self> {
        self.connection.ensure_transaction().await.ok()?;
        Some(self)
    }

    /// Returns the longest timeout of a statement that ends before the caller gives up at `deadline`, so that no
    /// statement is carried out after that. `None` if there is no time for one.
    fn statement_timeout_before(&self, deadline: Instant) -> Option<Duration> {
        let margin = STATEMENT_TIMEOUT_MARGIN + ROUND_TRIPS * self.round_trip;
        let left = deadline.saturating_duration_since(Instant::now()).saturating_sub(margin);
        let steps = left.min(STATEMENT_TIMEOUT).as_millis() / STATEMENT_TIMEOUT_STEP.as_millis();
        let timeout = STATEMENT_TIMEOUT_STEP * u32::try_from(steps).unwrap_or(u32::MAX);
        (!timeout.is_zero()).then_some(timeout)
    }

    /// Makes the database's own timeout at most `timeout`. A shorter one stays until there is time for the longest.
    async fn set_statement_timeout(&mut self, timeout: Duration) -> Result<(), sqlx::Error> {
        let is_too_long = self.statement_timeout > timeout;
        if is_too_long || timeout == STATEMENT_TIMEOUT && self.statement_timeout < timeout {
            self.connection.set(&settings(timeout)).await?;
            self.statement_timeout = timeout;
        }
        Ok(())
    }

    /// Begins a transaction, for which a pooler may let it wait. What is done in it ends before the caller gives up at
    /// `deadline`, all the same.
    async fn begin_before(&mut self, deadline: Instant) -> Result<(), error::DatabaseError> {
        self.connection.ensure_transaction().await?;
        let left = self.statement_timeout_before(deadline).ok_or(error::DatabaseError::TimedOut)?;
        Ok(self.set_statement_timeout(left.min(self.statement_timeout)).await?)
    }

    /// Carries out `work`: all of it or nothing of it, behind a pooler or where it began a transaction.
    async fn carry_out<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        let result = work(&mut self.connection).await;
        match &result {
            Ok(_) => self.connection.commit().await?,
            // A pooler gives its session to others only when the transaction has ended.
            Err(error) if leaves_connection_healthy(error) => self.connection.roll_back().await?,
            Err(_) => {}
        }
        result
    }
}

/// Opens a connection to tables that this program can work on.
async fn open(target: Target) -> Result<Open, error::DatabaseError> {
    let connect = async {
        let mut connection = Connection::open(&target).await?;
        let is_usable = migrate::is_usable(&mut connection).await?;
        connection.commit().await?;
        Ok::<_, error::DatabaseError>((connection, is_usable))
    };
    let (mut connection, is_usable) = timeout(CONNECT_TIMEOUT, connect).await??;
    if !is_usable {
        timeout(MIGRATION_TIMEOUT, migrate::ensure(&mut connection)).await??;
    }
    let asked_at = Instant::now();
    let set = async {
        connection.set(&settings(STATEMENT_TIMEOUT)).await?;
        if connection.is_pooled() { connection.ping().await } else { Ok(()) }
    };
    timeout(CONNECT_TIMEOUT, set).await??;
    let round_trip = asked_at.elapsed().min(ROUND_TRIP_MAX);
    Ok(Open { connection, statement_timeout: STATEMENT_TIMEOUT, round_trip })
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
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, sqlx::Error> + Clone,
    ) -> Result<T, Error> {
        match timeout_at(deadline, self.0.lock()).await {
            Ok(mut session) => session.run(deadline, work).await,
            Err(_) => Err(Error::Unavailable),
        }
    }

    /// Closes the connection, unless it is in use.
    pub fn close(&self) {
        if let Ok(mut session) = self.0.try_lock() {
            session.connection = None;
        }
    }

    /// Returns the time that the database takes to answer when it has nothing to do; zero without a connection.
    pub async fn round_trip(&self) -> Duration {
        self.0.lock().await.round_trip()
    }
}

/// Whether this error says that the database had ended the connection before it read what was sent: it
/// was shut down or an idle timeout fired (57P01 and 57P05 of SQLSTATE; PostgreSQL answers what it commits
/// before it shuts down), or the socket was closed.
fn had_ended_before(error: &error::DatabaseError) -> bool {
    let error::DatabaseError::Sqlx(error) = error else { return false };
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
