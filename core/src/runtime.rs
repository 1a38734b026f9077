//! The process model: server or Lambda.

/// Process model, which decides what may be put off until after a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    /// A server, which goes on between requests. Visits are written to the database in batches, within a second
    /// or when the heartbeat is [stopped](crate::Heartbeat::stop).
    Server,
    /// AWS Lambda, which freezes the process after each response. Visits are written before the page is
    /// answered, and one session serves reads and writes: there is one request at a time.
    Lambda,
}
