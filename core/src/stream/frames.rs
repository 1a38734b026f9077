//! The frames that a viewer asks for, and when the next one is due.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::stats::Snapshot;

/// Interval of a viewer's frames.
pub const FRAME_INTERVAL: Duration = Duration::from_secs(1);

/// Interval of frames without a change, the sign of life to a viewer of changes. Proxies close connections that are idle
/// for a minute.
const SIGN_OF_LIFE_INTERVAL: Duration = Duration::from_secs(30);

/// Frames that a viewer asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frames {
    /// One a second.
    EachSecond,
    /// One at each change.
    Changes,
}

impl Frames {
    /// Parses what a viewer asks for. The empty text asks for nothing in particular. `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" => Some(Self::EachSecond),
            "changes" => Some(Self::Changes),
            _ => None,
        }
    }
}

/// Numbers the versions of the stats: snapshots that differ by the time alone have the same version.
#[derive(Debug, Default)]
pub struct Versions {
    latest: Option<Arc<Snapshot>>,
    version: u64,
}

impl Versions {
    /// Returns the version of `snapshot`, which is not older than the last one. The first version is 1.
    pub fn number(&mut self, snapshot: &Arc<Snapshot>) -> u64 {
        let is_new = self.latest.as_ref().is_none_or(|latest| snapshot.stats.differ_from(&latest.stats));
        self.version += u64::from(is_new);
        self.latest = Some(Arc::clone(snapshot));
        self.version
    }
}

/// The last frame that a viewer of changes got.
#[derive(Debug, Clone, Copy)]
pub struct LastFrame {
    /// Version of the stats in it; 0 if there was none.
    pub version: u64,
    /// When it was sent.
    pub sent_at: Instant,
}

impl LastFrame {
    /// Returns when the viewer may have the next change.
    #[must_use]
    pub fn next_due(&self) -> Instant {
        self.sent_at + FRAME_INTERVAL
    }

    /// Whether the viewer is to get a frame of this version at `now`.
    #[must_use]
    pub fn is_followed_by(&self, version: u64, now: Instant) -> bool {
        let is_alive_sign = now.duration_since(self.sent_at) >= SIGN_OF_LIFE_INTERVAL;
        is_alive_sign || (now >= self.next_due() && self.version != version)
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::{settings::Choices, stats::StoredStats};

    #[test]
    fn versions_change_with_the_stats_and_not_with_the_time() {
        let mut versions = Versions::default();
        let mut version_of = |visits, seconds| {
            let as_of = OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(seconds);
            let started_at = OffsetDateTime::UNIX_EPOCH;
            let stored = StoredStats {
                as_of,
                started_at,
                visits,
                longest_absence: 0,
                chosen: Choices::default(),
                published: None,
                devices: Vec::new(),
            };
            versions.number(&Arc::new(Snapshot::new(stored.public(as_of))))
        };
        let seen = [(0, 10), (0, 11), (1, 12), (1, 13), (0, 14)];
        assert_eq!(seen.map(|(visits, seconds)| version_of(visits, seconds)), [1, 1, 2, 2, 3]);
    }

    #[test]
    fn a_change_is_due_after_a_second_and_a_sign_of_life_after_half_a_minute() {
        let sent_at = Instant::now();
        let last = LastFrame { version: 7, sent_at };
        for (version, milliseconds, is_due) in [
            (7, 0, false),
            (8, 999, false),
            (8, 1_000, true),
            (7, 1_000, false),
            (7, 29_999, false),
            (7, 30_000, true),
        ] {
            let now = sent_at + Duration::from_millis(milliseconds);
            assert_eq!(last.is_followed_by(version, now), is_due, "{version} after {milliseconds} ms");
        }
    }
}
