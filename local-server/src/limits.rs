//! How many connections and viewers the server takes at a time.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Connections that do not watch the stream, at most. Strangers open them, and each takes memory.
const MAX_CONNECTIONS: usize = 16 * 1024;

/// File descriptors kept for everything but connections: the database, the listeners, the runtime.
const RESERVED_DESCRIPTORS: usize = 64;

/// How many may be connected at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConnectionLimits {
    /// Viewers of the stream.
    pub(crate) max_viewers: usize,
    /// All other connections.
    pub(crate) max_connections: usize,
}

impl ConnectionLimits {
    /// Returns limits for as many viewers as the owner allows, as far as the system has file descriptors for
    /// them. The process first raises its soft limit of descriptors to the hard one: the soft one, often 1,024,
    /// is for programs of another time.
    pub(crate) fn new(max_viewers: usize) -> Self {
        let limit = getrlimit(Resource::Nofile);
        // Where that is refused, it goes on with what it has.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
        let descriptors = getrlimit(Resource::Nofile).current.and_then(|it| usize::try_from(it).ok());
        Self::within(descriptors.unwrap_or(usize::MAX), max_viewers)
    }

    fn within(descriptors: usize, max_viewers: usize) -> Self {
        let max_viewers = max_viewers.min(descriptors / 2);
        let rest = descriptors.saturating_sub(max_viewers).saturating_sub(RESERVED_DESCRIPTORS);
        Self { max_viewers, max_connections: rest.clamp(1, MAX_CONNECTIONS) }
    }
}

#[cfg(test)]
mod tests {
    use super::ConnectionLimits;

    #[test]
    fn there_is_room_for_others_whatever_viewers_take() {
        for (descriptors, allowed, max_viewers, max_connections) in [
            (1_048_576, 10_000, 10_000, 16_384),
            (20_000, 10_000, 10_000, 9_936),
            (1_024, 10_000, 512, 448),
            (1_024, 10, 10, 950),
            (64, 10_000, 32, 1),
        ] {
            assert_eq!(
                ConnectionLimits::within(descriptors, allowed),
                ConnectionLimits { max_viewers, max_connections },
                "{descriptors}"
            );
        }
    }
}
