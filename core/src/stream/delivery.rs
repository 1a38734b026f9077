//! Sending a frame to one viewer.

use std::time::Duration;

use bytes::Bytes;

/// Timeout of one post, which gateways keep to. Late frames are worth nothing, as the next one follows.
pub const POST_TIMEOUT: Duration = Duration::from_millis(600);

/// Holds WebSockets, and sends frames to them.
pub trait Gateway {
    /// Sends a frame to one connection, within [`POST_TIMEOUT`].
    fn post(&self, connection: &str, frame: &Bytes) -> impl Future<Output = Delivery> + Send;
}

/// Outcome of sending a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It was taken.
    Taken,
    /// The connection was closed.
    Gone,
    /// It was not taken, for a reason that may pass.
    Failed,
}
