//! PostgreSQL: sessions, the schema, and every SQL statement.
//!
//! - [`target`]: where the database is, and what stands in front of it.
//! - [`connection`]: a connection that statements run on, behind a pooler or not.
//! - `literal`: arguments written into a statement.
//! - [`session`]: one connection that opens when it is needed and again after it broke.
//! - `deadline`: the timer that ends its work.
//! - [`reads`]: the session for queries that no beat may wait for.
//! - [`migrations`]: the files in `migrations/`, and which releases each of them serves.
//! - [`schema`]: recognizes the tables of a database.
//! - [`migrate`]: sets up an empty database, and brings an older one up to date.
//! - `legacy_schema`, `legacy_import`: the tables of the earlier service, and their takeover.
//! - `former_ids`: replaces ids that are not exact in JavaScript in the rows of `beats` (feature `migrate`).
//! - `rebuild_counters`: `devices` and `stats` worked out from `beats` (feature `migrate`).
//! - `dump`: export and import (feature `migrate`).
//! - [`alerts`], [`beats`], [`channels`], [`devices`], [`dispatch_leases`], [`editor_keys`], [`erasures`], [`firings`], [`outbox`],
//!   [`owner`], [`pairings`], [`published`], [`pusher`], [`settings`], [`stats`], [`viewers`]: the statements, by the table they are
//!   about.
//! - [`evaluation`]: whose turn it is to evaluate alerts.
//! - [`situation`]: what is read to evaluate or show them.
//! - [`alert_channels`]: what alerts need to know of channels.
//! - [`linked_firings`]: firings that the links in notifications are about.
//! - [`metrics`]: the statements on what Prometheus is told.
//! - [`credentials`]: what changes to the credentials of a device have in common.
//! - [`owned_channels`]: channels as their owner sees and changes them.
//! - [`channel_readers`]: what readers of channels decide.
//! - [`owned_devices`]: devices as their owner sees and changes them.
//! - `telegram_chats`: channels of Telegram whose chat is still to be found (feature `webhook`).
//! - [`dead_letters`]: events that are no longer sent.
//! - [`roll_up`]: what is kept of beats, which are read once for it.
//! - [`presence`]: when beats came.
//! - [`absences`]: absences of more than an hour.
//! - [`retention`]: deletes rows of beats that are old and rolled up.
//! - [`device_notices`]: devices whose beats tell less than they seem to.
//! - [`past`]: the past, as alerts look at it.
//! - [`past_firings`]: firings of which nothing is left to tell.
//! - [`unusual`]: which absences are unusual at present.
//! - [`delivery_state`]: what waits in the outbox and why.
//! - [`failing_channels`]: telling the owner by other channels that nothing arrives through one.
//! - [`error`]: what an error of the database means to the caller.

pub mod absences;
pub mod alert_channels;
pub mod alerts;
pub mod beats;
pub mod channel_readers;
pub mod channels;
pub mod connection;
pub mod credentials;
pub mod dead_letters;
mod deadline;
pub mod delivery_state;
pub mod device_notices;
pub mod devices;
pub mod dispatch_leases;
#[cfg(feature = "migrate")]
pub mod dump;
pub mod editor_keys;
pub mod erasures;
pub mod error;
pub mod evaluation;
pub mod failing_channels;
pub mod firings;
#[cfg(feature = "migrate")]
mod former_ids;
#[cfg(feature = "migrate")]
pub mod legacy_import;
mod legacy_schema;
pub mod linked_firings;
mod literal;
pub mod metrics;
pub mod migrate;
mod migrations;
pub mod outbox;
pub mod owned_channels;
pub mod owned_devices;
pub mod owner;
pub mod pairings;
pub mod past;
pub mod past_firings;
pub mod presence;
pub mod published;
pub mod pusher;
pub mod reads;
#[cfg(feature = "migrate")]
mod rebuild_counters;
pub mod retention;
pub mod roll_up;
mod schema;
pub mod session;
pub mod settings;
pub mod situation;
pub mod stats;
pub mod target;
#[cfg(feature = "webhook")]
pub mod telegram_chats;
pub mod unusual;
pub mod viewers;

pub use connection::Connection;
pub use reads::Reads;
pub use session::{Session, SharedSession};
pub use target::{Pooler, Renew, Target};
