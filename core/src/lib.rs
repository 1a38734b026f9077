//! The core of Heartbeat, without HTTP and without AWS.
//!
//! - [`alert`]: rules that notify while an absence lasts.
//! - [`channel`]: where notifications go, as the owner sees and changes it.
//! - [`config`]: every configuration key, its sources, its parsing.
//! - `demo`: invented beats (feature `migrate`).
//! - [`device`]: names and ids of devices, and what the owner decides of them.
//! - [`editor_key`]: second credentials of devices, for editors.
//! - [`link`]: what the links in notifications allow to do.
//! - [`token`]: secrets of devices and of the owner: generated, hashed, compared.
//! - [`pairing`]: codes that give a device its token.
//! - [`presence`]: the minutes in which beats arrived.
//! - [`publication`]: keeps what is public as of the last boundary.
//! - [`retention`]: how long rows of beats are kept.
//! - [`runtime`]: the process model: server or Lambda.
//! - [`secret`]: a wrapper for values that must never be printed.
//! - [`settings`]: settings that the owner chooses in the browser.
//! - [`snooze`]: the time for which the owner wants no alerts.
//! - [`shares`]: how much of something a client IP may take.
//! - [`stats`]: the public stats, and their JSON.
//! - [`humanize`]: durations and numbers as people read them.
//! - [`recency`]: what the age of the last beat means.
//! - `badge`: one figure as an image (feature `badges`).
//! - [`notify`]: events, subscriptions, channels, and the dispatcher that delivers.
//! - [`jobs`]: what is due because time passed.
//! - [`metrics`]: metrics that only the memory of this process has.
//! - [`stream`]: frames of the stats stream, and the stream to WebSockets that API Gateway holds.
//! - `tls`: TLS as a client (feature `webhook`).
//! - `progress`: progress of long commands (feature `migrate`).
//! - [`database`]: sessions, the schema, and every SQL statement.
//! - [`heartbeat`]: the handle that routes work with, and the worker behind it that batches beats into
//!   commits and keeps the stats in memory.
//! - [`error`]: errors that callers see.

pub mod alert;
#[cfg(feature = "badges")]
pub mod badge;
pub mod channel;
pub mod config;
pub mod database;
#[cfg(feature = "migrate")]
pub mod demo;
pub mod device;
pub mod editor_key;
pub mod error;
pub mod heartbeat;
pub mod humanize;
pub mod jobs;
pub mod link;
pub mod metrics;
pub mod notify;
pub mod pairing;
pub mod presence;
#[cfg(feature = "migrate")]
pub mod progress;
pub mod publication;
pub mod recency;
pub mod retention;
pub mod runtime;
pub mod secret;
pub mod settings;
pub mod shares;
pub mod snooze;
pub mod stats;
pub mod stream;
#[cfg(feature = "webhook")]
pub mod tls;
pub mod token;

pub use config::Config;
pub use error::Error;
pub use heartbeat::Heartbeat;

/// Returns the present time by the wall clock. The machine's monotonic clock is no substitute: it stands still
/// while Lambda freezes a process.
pub type Clock = fn() -> time::OffsetDateTime;
