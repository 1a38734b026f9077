//! PostgreSQL: the connection, the schema, and every SQL statement.
//!
//! - [`Session`]: one connection that opens when it is needed and again after it broke.
//! - [`schema`]: sets up an empty database and tells one that is older or newer than the program.
//! - `takeover`: moves in from an earlier Heartbeat (feature `migrate`).
//! - `transfer`: everything as text, out of a database and into another (feature `migrate`).
//! - [`beats`], [`devices`], [`stats`], [`connections`], [`pusher`], [`outbox`]: the statements, named after the table they are about.
//! - [`failure`]: what an error of the database means to the one who asked.

pub mod beats;
pub mod connections;
pub mod devices;
mod earlier;
pub mod failure;
pub mod outbox;
pub mod pusher;
#[cfg(feature = "migrate")]
mod recount;
pub mod schema;
pub mod stats;
#[cfg(feature = "migrate")]
pub mod takeover;
#[cfg(feature = "migrate")]
pub mod transfer;

use std::{io, time::Duration};

use sqlx::{
    ConnectOptions, Connection, Executor, PgConnection, error::DatabaseError, postgres::PgConnectOptions,
};
use time::OffsetDateTime;
use tokio::time::{Instant, timeout, timeout_at};

use crate::{Clock, Error, secret::Secret};
use failure::Failure;

/// How long a connection may have been unused before it is tried with an empty round trip. The
/// database, or a proxy, may have let it die meanwhile; a statement sent into a dead connection fails, and
/// cannot always be sent again, as it may have been carried out.
const TRUSTED_FOR: time::Duration = time::Duration::SECOND;

/// The same where that round trip would double the time that each request pays for. NAT gateways of AWS
/// forget a connection after 350 seconds ("NAT gateway basics", Amazon VPC user guide).
const TRUSTED_FOR_WHEN_FROZEN: time::Duration = time::Duration::minutes(5);

/// How long that may take; the rest of the time is for a new connection.
const PING_LIMIT: Duration = Duration::from_millis(500);

/// The settings of our sessions. The database may work on one statement for less time than those who
/// ask wait for it, so that no statement whose answer nobody awaits any more is carried out later. It is
/// not to compile them: on tables that it has not counted yet it takes our small statements for large
/// ones, and spends 23 ms on compiling what runs in one. And it is to plan each of them once: every
/// one of ours has one good plan, and making it anew took more than half of a beat's time.
const SETTINGS: &str =
    "SET statement_timeout = '1500ms'; SET jit = off; SET plan_cache_mode = force_generic_plan";

/// A statement is not begun with less than this left to wait for it.
const SHORTEST_WAIT: Duration = Duration::from_millis(250);

/// How often an outage that goes on is logged.
const REPORT_PERIOD: Duration = Duration::from_mins(1);

/// One connection to the database.
#[derive(Debug)]
pub struct Session {
    options: Secret<PgConnectOptions>,
    connection: Option<PgConnection>,
    clock: Clock,
    last_used: OffsetDateTime,
    trusted_for: time::Duration,
    /// When an outage was last logged, while there is one: it is logged when it begins, now and
    /// then, and when it ends, not with each request.
    reported_at: Option<Instant>,
}

impl Session {
    /// A session that connects when it is first used.
    #[must_use]
    pub fn new(options: PgConnectOptions, clock: Clock) -> Self {
        Self {
            options: Secret::new(options.application_name("heartbeat").disable_statement_logging()),
            connection: None,
            clock,
            last_used: clock(),
            trusted_for: TRUSTED_FOR,
            reported_at: None,
        }
    }

    /// The same for a process that is frozen between requests, of which each may be a minute after the last.
    #[must_use]
    pub fn of_a_frozen_process(self) -> Self {
        Self { trusted_for: TRUSTED_FOR_WHEN_FROZEN, ..self }
    }

    /// Does `work` on the connection, which is opened first if need be, all of it before
    /// `deadline`. A connection that fails or runs late is given up: what it was doing may or may
    /// not have been committed. Only where it is certain that the database had ended the connection before
    /// it heard of the work is the work done once more, on a new one.
    pub async fn run<T>(
        &mut self,
        deadline: Instant,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error> + Clone,
    ) -> Result<T, Error> {
        let outcome = if Instant::now() + SHORTEST_WAIT > deadline {
            Err(Failure::TimedOut)
        } else {
            timeout_at(deadline, self.attempt(work)).await.unwrap_or(Err(Failure::TimedOut))
        };
        match outcome {
            Ok(value) => {
                if self.reported_at.take().is_some() {
                    tracing::info!("the database answers again");
                }
                Ok(value)
            }
            Err(failure) => {
                self.report(&failure);
                Err(failure.into())
            }
        }
    }

    fn report(&mut self, failure: &Failure) {
        if failure.is_ours() {
            tracing::error!("database: {failure}");
        } else if self.reported_at.is_none_or(|reported_at| reported_at.elapsed() > REPORT_PERIOD) {
            tracing::error!("database: {failure}");
            self.reported_at = Some(Instant::now());
        } else {
            tracing::debug!("database: {failure}");
        }
    }

    async fn attempt<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error> + Clone,
    ) -> Result<T, Failure> {
        if let Some(connection) = self.reusable().await {
            let result = self.work_on(connection, work.clone()).await;
            if !result.as_ref().is_err_and(had_ended_before) {
                return Ok(result?);
            }
        }
        let connection = self.connect().await?;
        Ok(self.work_on(connection, work).await?)
    }

    /// Works on a connection that was taken out, and puts it back only when it is known to be well: a future
    /// that is dropped half way takes the connection with it.
    async fn work_on<T>(
        &mut self,
        mut connection: PgConnection,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        let result = work(&mut connection).await;
        if result.as_ref().map_or_else(leaves_connection_well, |_| true) {
            self.connection = Some(connection);
            self.last_used = (self.clock)();
        }
        result
    }

    async fn reusable(&mut self) -> Option<PgConnection> {
        let mut connection = self.connection.take()?;
        let unused_for = (self.clock)() - self.last_used;
        if !(time::Duration::ZERO..self.trusted_for).contains(&unused_for) {
            timeout(PING_LIMIT, connection.ping()).await.ok()?.ok()?;
        }
        Some(connection)
    }

    async fn connect(&self) -> Result<PgConnection, Failure> {
        let mut connection = self.options.expose().connect().await?;
        schema::ensure(&mut connection).await?;
        connection.execute(SETTINGS).await?;
        Ok(connection)
    }
}

/// Whether this error says that the database had ended the connection before it read what was sent: it
/// was shut down or had waited too long (57P01 and 57P05 of SQLSTATE; what it commits it answers before it
/// shuts down), or there was nobody to send to any more.
fn had_ended_before(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => matches!(error.code().as_deref(), Some("57P01" | "57P05")),
        sqlx::Error::Io(error) => error.kind() == io::ErrorKind::BrokenPipe,
        _ => false,
    }
}

/// Whether a connection can go on after this error: only where a value was refused (classes 22 and 23
/// of SQLSTATE). After any other the state of the session may be the cause, and a new one the cure.
fn leaves_connection_well(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
}
