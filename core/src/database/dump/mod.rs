//! Dumps: the data of one database as text ([`export()`]), to be read into another ([`import()`]), across versions
//! of PostgreSQL and of Heartbeat.
//!
//! The format is newline-delimited JSON: one object a line, with its `type`. The first line names the format
//! (`heartbeat_export`). Then come the stats of the service, what the owner said and chose, the devices that were erased,
//! the devices, channels and alerts with what they told, what retention has left of beats, the absences and the beats. The last line (`end`) holds the number of lines of each type, so that a truncated file is detected. Of tokens and
//! editor keys there are only the hashes; channels are there with their secrets, so that alerts find them again. What no device can have sent, such as a time in the future, is written as the nearest thing that an import
//! accepts; see [`check`]. Not included are pairing codes and the tokens that they gave, notifications that are still to be sent, the connections of viewers, and
//! what is rolled up of beats that are still there, which is done again.

mod alerts;
mod check;
mod demo;
mod export;
mod export_alerts;
mod import;
mod import_alerts;
mod insert;
mod line;
mod owner;
mod retained;
mod writer;

pub use demo::fill_with_demo;
pub use export::export;
pub use import::import;
pub use line::Count;

use super::error::DatabaseError;
use crate::error::SchemaProblem;

/// An error of an export or import, which has changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// An error of the database.
    #[error("database: {0}")]
    Database(#[from] DatabaseError),
    /// An import into a database that is not empty.
    #[error("the database holds devices, beats, channels or alerts already: take an empty one")]
    NotEmpty,
    /// An error of the input or the output.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// An invalid line.
    #[error("line {number}: {problem}")]
    Line {
        /// Number of the line, counted from 1.
        number: u64,
        /// Description of the error.
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
