//! What becomes of attempts to deliver.

use std::time::Duration;

use serde_json::{Map, Value};

/// Outcome of an attempt to deliver. Reasons are for the log, and hold no secrets. After all but the first two, the service has
/// certainly taken nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The events were delivered; the service wants this delay before the next message.
    Delivered(Duration),
    /// There was no answer, or none that says what became of them: they may have been delivered. The reason may pass.
    Unknown(String),
    /// They were not, for a reason that may pass.
    RetryLater {
        /// Why.
        reason: String,
        /// When the service wants to be asked again, if it said so.
        retry_after: Option<Duration>,
    },
    /// They were not: the service takes no more for so long, perhaps until the next day.
    OutOfQuota {
        /// Why.
        reason: String,
        /// When it will take some again.
        retry_after: Duration,
    },
    /// They were not: the service wants these settings from now on, which are to be kept.
    Moved(Map<String, Value>),
    /// The service does not let us in, which its owner or ours may change. To be retried rarely.
    Denied(String),
    /// The service will never take these events, or one of them.
    Refused(String),
    /// The service will never take anything again.
    Gone(String),
}
