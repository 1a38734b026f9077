//! Everything there is, as text: out of one database ([`export()`]) and into another ([`import()`]), whatever
//! the versions of PostgreSQL and of Heartbeat.
//!
//! The text is newline-delimited JSON: one object a line, which says its `type`. First what it is
//! (`heartbeat_export`), then the figures of the whole service, the devices, the absences and the beats,
//! last (`end`) how many lines of each there are, so that a file that was cut off is found out. Of tokens
//! there are only the hashes. Not part of it: webhooks that are still to be sent, and who watches right now.

mod export;
mod import;
mod line;

use sqlx::postgres::PgConnectOptions;

pub use export::export;
pub use import::import;
pub use line::Count;

use super::error::DatabaseError;
use crate::error::SchemaProblem;

/// Why data could not be moved. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The database failed.
    #[error("database: {0}")]
    Database(#[from] DatabaseError),
    /// There is no place for the data: some are there.
    #[error("the database holds devices or beats already: import into an empty one")]
    NotEmpty,
    /// What is read, or written, does not go on.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// A line is not what it should be.
    #[error("line {number}: {problem}")]
    Line {
        /// Counted from 1.
        number: u64,
        /// What is wrong with it.
        problem: String,
    },
}

impl From<sqlx::Error> for DumpError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<SchemaProblem> for DumpError {
    fn from(problem: SchemaProblem) -> Self {
        Self::Database(problem.into())
    }
}

/// A connection that may take its time.
async fn connect(options: &PgConnectOptions) -> Result<sqlx::PgConnection, sqlx::Error> {
    use sqlx::ConnectOptions;
    options.clone().disable_statement_logging().connect().await
}
