//! Limits on simultaneous connections and viewers.

use heartbeat_core::shares;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Maximum number of connections that do not watch the stream. Strangers open them, and each takes memory.
const MAX_CONNECTIONS: usize = 16 * 1024;

/// File descriptors kept for everything but connections: the database, the listeners, the runtime.
const RESERVED_DESCRIPTORS: usize = 64;

/// One in this many file descriptors is kept for connections that were told to make room and have not ended yet.
const EVICTING_SHARE: usize = 16;

/// Maximum number of connections that were told to make room and have not ended yet.
const MAX_EVICTING: usize = 256;

/// A client IP may have one in this many of the connections that were told to make room.
const EVICTING_SHARES: usize = 4;

/// Maximum numbers of simultaneous connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "all of them are maxima")]
pub(crate) struct ConnectionLimits {
    /// Viewers of the stream.
    pub(crate) max_viewers: usize,
    /// Viewers from one client IP.
    pub(crate) max_viewers_per_client: usize,
    /// All other connections.
    pub(crate) max_connections: usize,
    /// Other connections from one client IP.
    pub(crate) max_connections_per_client: usize,
    /// Connections that were told to make room, and have not ended yet. They come on top of the others.
    pub(crate) max_evicting: usize,
    /// Connections from one client IP that were told to make room, and have not ended yet.
    pub(crate) max_evicting_per_client: usize,
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
        let evicting = MAX_EVICTING.min(descriptors / EVICTING_SHARE);
        let rest = descriptors.saturating_sub(max_viewers + RESERVED_DESCRIPTORS + evicting);
        Self::of(rest.clamp(1, MAX_CONNECTIONS), max_viewers, evicting.max(1))
    }

    /// Returns limits in all, and the shares that follow from them.
    fn of(max_connections: usize, max_viewers: usize, max_evicting: usize) -> Self {
        Self {
            max_viewers,
            max_viewers_per_client: shares::max_per_client(max_viewers),
            max_connections,
            max_connections_per_client: shares::max_per_client(max_connections),
            max_evicting,
            max_evicting_per_client: max_evicting.div_ceil(EVICTING_SHARES),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ConnectionLimits;

    #[test]
    fn there_is_room_for_others_whatever_viewers_take() {
        for (descriptors, allowed, max_viewers, max_connections, max_evicting) in [
            (1_048_576, 10_000, 10_000, 16_384, 256),
            (20_000, 10_000, 10_000, 9_680, 256),
            (1_024, 10_000, 512, 384, 64),
            (1_024, 10, 10, 886, 64),
            (64, 10_000, 32, 1, 4),
        ] {
            assert_eq!(
                ConnectionLimits::within(descriptors, allowed),
                ConnectionLimits::of(max_connections, max_viewers, max_evicting),
                "{descriptors}"
            );
        }
    }
}
