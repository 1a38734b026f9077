//! What a dispatcher and its deliveries work with.

use tokio::sync::Mutex;

use super::{channels::Channels, site::Site};
use crate::{Clock, database::SharedSession, metrics::ProcessMetrics, settings::Choices};

/// Dependencies of a dispatcher.
#[derive(Debug)]
pub struct Setup {
    /// The channels of the configuration and of the database.
    pub channels: Mutex<Channels>,
    /// Facts about this server.
    pub site: Site,
    /// Settings that the owner cannot choose, as the configuration sets them.
    pub configured: Choices,
    /// The database session for the outbox.
    pub session: SharedSession,
    /// Tells the present time.
    pub clock: Clock,
    /// Unique name of this dispatcher, for leases.
    pub holder: String,
    /// Counters of attempts and failures.
    pub metrics: ProcessMetrics,
    /// Returns a random number from 0 to 1.
    pub random: fn() -> f64,
}
