//! Limits on simultaneous connections and viewers.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Maximum number of connections that do not watch the stream. Strangers open them, and each takes memory.
const MAX_CONNECTIONS: usize = 16 * 1024;

/// File descriptors kept for everything but connections: the database, the listeners, the runtime.
const RESERVED_DESCRIPTORS: usize = 64;

/// Maximum numbers of simultaneous connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConnectionLimits {
    /// Viewers of the stream.
    pub(crate) max_viewers: usize,
    /// All other connections.
    pub(crate) max_connections: usize,
}

impl ConnectionLimits {
    /// Returns limits that allow `max_viewers`, or half of the file descriptors if that is less. Raises the soft
    /// limit of file descriptors to the hard one first: the soft one, often 1,024, exists for programs that use
    /// select(2).
    pub(crate) fn new(max_viewers: usize) -> Self {
        let limit = getrlimit(Resource::Nofile);
        // If the system refuses, the current limit applies.
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
