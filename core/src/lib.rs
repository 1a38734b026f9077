//! What Heartbeat *is*, without a word about HTTP.
//!
//! - [`config`]: every configuration key, where its value may come from, and what it must look like.
//! - [`device`]: what a device is called.
//! - [`token`]: the secrets of devices and of the owner: made, hashed, compared.
//! - [`secret`]: a wrapper for values that must never be printed.
//! - [`stats`]: the figures that the whole service exists to show, and their JSON.
//! - [`words`]: figures as people read them.
//! - [`freshness`]: how much a silence means.
//! - `badge`: the figures as small pictures (feature `badges`).
//! - [`event`]: what happens and is told to others.
//! - `webhook`: the telling (feature `webhook`).
//! - [`stream`]: the figures, sent to WebSockets that somebody else holds.
//! - `progress`: how far a long piece of work is (feature `migrate`).
//! - [`database`]: the connection, the schema, and every SQL statement.
//! - [`heartbeat`]: the handle that routes work with, and the task behind it which gathers beats
//!   into commits and keeps the figures in memory.

#[cfg(feature = "badges")]
pub mod badge;
pub mod config;
pub mod database;
pub mod device;
pub mod event;
pub mod freshness;
pub mod heartbeat;
#[cfg(feature = "migrate")]
pub mod progress;
pub mod secret;
pub mod stats;
pub mod stream;
pub mod token;
#[cfg(feature = "webhook")]
pub mod webhook;
pub mod words;

pub use config::Config;
pub use heartbeat::Heartbeat;

/// Tells the present time. Not how much time has passed by the machine's own count, which stands still
/// while Lambda freezes a process.
pub type Clock = fn() -> time::OffsetDateTime;

/// Why Heartbeat could not do what it was asked. The cause of the last three is logged
/// where it happened and goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No device has this token.
    #[error("no device has this token")]
    UnknownToken,
    /// No device has this id.
    #[error("no device has this id")]
    UnknownDevice,
    /// The database does not answer, or cannot do its work right now.
    #[error("the database is not available")]
    Unavailable,
    /// The tables in the database are not those of this program.
    #[error(transparent)]
    Schema(#[from] database::schema::SchemaProblem),
    /// The database refused a statement in a way that only a defect of ours explains.
    #[error("the database refused a statement")]
    Internal,
}
