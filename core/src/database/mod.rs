//! PostgreSQL: the connection, the schema, and every SQL statement.
//!
//! - [`Session`]: one connection that opens when it is needed and again after it broke.
//! - [`schema`]: sets up an empty database and tells one that is older or newer than the program.
//! - [`beats`], [`devices`], [`stats`]: the statements, named after the table they are about.
//! - [`failure`]: what an error of the database means to the one who asked.

pub mod beats;
pub mod devices;
pub mod failure;
pub mod schema;
pub mod stats;

use std::time::Duration;

use sqlx::{
    ConnectOptions, Connection, PgConnection,
    postgres::{PgConnectOptions, PgDatabaseError, PgSeverity},
};
use tokio::time::{Instant, timeout_at};

use crate::Error;
use failure::Failure;

/// How long a connection may have been unused before it is tried with an empty round trip. The
/// database, a proxy, or a frozen Lambda process may have let it die meanwhile; a statement sent
/// into a dead connection fails, and cannot be sent again, as it may have been carried out.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// One connection to the database.
#[derive(Debug)]
pub struct Session {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
    last_used: Instant,
    /// Whether the last attempt to use the database worked, so that an outage is logged when it
    /// begins and when it ends, not with each request.
    working: bool,
}

impl Session {
    /// A session that connects when it is first used.
    #[must_use]
    pub fn new(options: PgConnectOptions) -> Self {
        Self {
            options: options.application_name("heartbeat").disable_statement_logging(),
            connection: None,
            last_used: Instant::now(),
            working: true,
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
        let outcome = timeout_at(deadline, self.attempt(work)).await.unwrap_or(Err(Failure::TimedOut));
        match outcome {
            Ok(value) => {
                if !self.working {
                    tracing::info!("the database answers again");
                }
                self.working = true;
                Ok(value)
            }
            Err(failure) => {
                if self.working || failure.is_ours() {
                    tracing::error!("database: {failure}");
                } else {
                    tracing::debug!("database: {failure}");
                }
                self.working = failure.is_ours();
                Err(failure.into())
            }
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
            self.last_used = Instant::now();
        }
        Ok(result?)
    }

    async fn reusable(&mut self) -> Option<PgConnection> {
        let mut connection = self.connection.take()?;
        if self.last_used.elapsed() > TRUSTED_FOR {
            connection.ping().await.ok()?;
        }
        Some(connection)
    }

    async fn connect(&self) -> Result<PgConnection, Failure> {
        let mut connection = self.options.connect().await?;
        schema::ensure(&mut connection).await?;
        Ok(connection)
    }
}

/// Whether a connection can go on after this error: one in answer to a statement does not end it,
/// unless PostgreSQL says that it does.
fn leaves_connection_well(error: &sqlx::Error) -> bool {
    let severity = error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<PgDatabaseError>())
        .map(PgDatabaseError::severity);
    severity.is_some_and(|severity| !matches!(severity, PgSeverity::Fatal | PgSeverity::Panic))
}
