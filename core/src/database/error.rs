//! Errors of the database: their meaning to callers, and their text for the log.

use sqlx::{migrate::MigrateError, postgres::PgDatabaseError};
use tokio::time::error::Elapsed;

use crate::error::{Error, SchemaProblem};

/// An error of the database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No answer before the deadline.
    #[error("no answer in time")]
    TimedOut,
    /// Tables that this program cannot work with.
    #[error(transparent)]
    Schema(#[from] SchemaProblem),
    /// An error that the database reported, or that of the connection to it.
    #[error("{}", describe(.0))]
    Sqlx(#[from] sqlx::Error),
    /// A migration that failed.
    #[error("cannot set up the tables: {}", describe_migration(.0))]
    Migrate(#[from] MigrateError),
}

impl DatabaseError {
    /// Whether this is a defect of the program, and not a temporary state of the database.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        // Classes of SQLSTATE (PostgreSQL's manual, appendix A). 22, 23 and 42 are about the statement itself,
        // but for a missing table, schema or right, which is about the database, and a name of a statement that is taken,
        // which is about a pooler.
        let Self::Sqlx(sqlx::Error::Database(error)) = self else { return false };
        let code = error.code().unwrap_or_default();
        let ours = ["22", "23", "42"].iter().any(|class| code.starts_with(class));
        ours && !["42P01", "42501", "42P05"].contains(&code.as_ref())
    }
}

impl From<Elapsed> for DatabaseError {
    fn from(_: Elapsed) -> Self {
        Self::TimedOut
    }
}

impl From<DatabaseError> for Error {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Schema(problem) => Error::Schema(problem),
            error if error.is_ours() => Error::Internal,
            _ => Error::Unavailable,
        }
    }
}

/// Whether this error of connecting says that the database, or a pooler in front of it, refused the user or the password.
/// PgBouncer says so with the code of a violation of the protocol.
pub(super) fn is_refused_login(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else { return false };
    let code = error.code().unwrap_or_default();
    let is_about_login =
        || ["authentication", "password", "user"].iter().any(|word| error.message().contains(word));
    code.starts_with("28") || code == "08P01" && is_about_login()
}

/// Describes an error for the log. PostgreSQL's own text for a refused login names the client's IP address,
/// which no log of ours may hold.
fn describe(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            match code.as_ref() {
                "42501" => {
                    format!("{}; grant this user CREATE on the database (SQLSTATE {code})", error.message())
                }
                "55P03" => {
                    format!("the tables are in use; stop every other Heartbeat first (SQLSTATE {code})")
                }
                "2BP01" => format!(
                    "{}: {}; drop that, and migrate again (SQLSTATE {code})",
                    error.message(),
                    error
                        .try_downcast_ref::<PgDatabaseError>()
                        .and_then(PgDatabaseError::detail)
                        .unwrap_or_default()
                ),
                // PgBouncer's own errors, and what happens when others mix up prepared statements.
                // Their text may hold an IP address.
                "08P01" | "42P05" | "26000" => format!(
                    "a pooler refuses this connection or statement; check database.dsn, and set database.pooler to transaction (SQLSTATE {code})"
                ),
                _ if code.starts_with("28") => {
                    format!("it refuses this user or password; check database.dsn (SQLSTATE {code})")
                }
                _ => format!("{} (SQLSTATE {code})", error.message()),
            }
        }
        sqlx::Error::Io(error) => {
            format!("cannot connect, or the connection broke: {error}; check database.dsn")
        }
        other => other.to_string(),
    }
}

fn describe_migration(error: &MigrateError) -> String {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => describe(error),
        other => other.to_string(),
    }
}
