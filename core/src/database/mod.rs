//! PostgreSQL: the connection, the schema, and every SQL statement.
//!
//! - [`Session`]: one connection that opens when it is needed and again after it broke.
//! - [`schema`]: sets up an empty database and tells one that is older or newer than the program.
//! - [`beats`], [`devices`], [`stats`], [`connections`], [`pusher`], [`outbox`]: the statements, named after the table they are about.
//! - [`failure`]: what an error of the database means to the one who asked.

pub mod beats;
pub mod connections;
pub mod devices;
pub mod failure;
pub mod outbox;
pub mod pusher;
pub mod schema;
pub mod stats;

use std::time::Duration;

use sqlx::{
    ConnectOptions, Connection, Executor, PgConnection, error::DatabaseError, postgres::PgConnectOptions,
};
use time::OffsetDateTime;
use tokio::time::{Instant, timeout, timeout_at};

use crate::{Clock, Error, secret::Secret};
use failure::Failure;

/// How long a connection may have been unused before it is tried with an empty round trip. The
/// database, a proxy, or a frozen Lambda process may have let it die meanwhile; a statement sent
/// into a dead connection fails, and cannot be sent again, as it may have been carried out.
const TRUSTED_FOR: time::Duration = time::Duration::SECOND;

/// How long that may take; the rest of the time is for a new connection.
const PING_LIMIT: Duration = Duration::from_millis(500);

/// The settings of our sessions. The database may work on one statement for less time than those who
/// ask wait for it, so that no statement whose answer nobody awaits any more is carried out later. And it
/// is not to compile them: on tables that it has not counted yet it takes our small statements for large
/// ones, and spends 23 ms on compiling what runs in one.
const SETTINGS: &str = "SET statement_timeout = '1500ms'; SET jit = off";

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
            reported_at: None,
        }
    }

    /// Does `work` on the connection, which is opened first if need be, all of it before
    /// `deadline`. A connection that fails or runs late is given up: what it was doing may or may
    /// not have been committed.
    pub async fn run<T>(
        &mut self,
        deadline: Instant,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
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
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, Failure> {
        // Taken out, and put back only when it is known to be well: a future that is dropped half
        // way takes the connection with it.
        let mut connection = match self.reusable().await {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let result = work(&mut connection).await;
        if result.as_ref().map_or_else(leaves_connection_well, |_| true) {
            self.connection = Some(connection);
            self.last_used = (self.clock)();
        }
        Ok(result?)
    }

    async fn reusable(&mut self) -> Option<PgConnection> {
        let mut connection = self.connection.take()?;
        let unused_for = (self.clock)() - self.last_used;
        if !(time::Duration::ZERO..TRUSTED_FOR).contains(&unused_for) {
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

/// Whether a connection can go on after this error: only where a value was refused (classes 22 and 23
/// of SQLSTATE). After any other the state of the session may be the cause, and a new one the cure.
fn leaves_connection_well(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
}
