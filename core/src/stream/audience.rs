//! The pusher's memory of viewers: who gets the next frame, and in which order.

use std::collections::HashMap;

use tokio::time::Instant;

use super::{delivery::Delivery, frames::LastFrame};
use crate::database::viewers::StoredViewer;

/// The viewers, and what is known of posts to them.
#[derive(Debug, Default)]
pub(super) struct Audience(HashMap<String, Viewer>);

#[derive(Debug, Default)]
struct Viewer {
    only_changes: bool,
    is_opening: bool,
    /// The last frame that it took.
    last_frame: Option<LastFrame>,
    /// When the frame of the last post to it was due, posted or failed.
    tried_at: Option<Instant>,
    /// Whether the last post to it failed.
    is_failing: bool,
}

/// Viewers that a frame is due for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// Connection ids: first those that took the last frame, then those to which the last post failed. Of both, those
    /// that have waited longest come first, so that no viewer is last for ever.
    pub(super) ids: Vec<String>,
    /// Number of those that come first.
    pub(super) healthy: usize,
}

impl Audience {
    /// Takes over the viewers that there are now, and forgets all others.
    pub(super) fn update(&mut self, stored: Vec<StoredViewer>) {
        let mut known = std::mem::take(&mut self.0);
        let viewers = stored.into_iter().map(|StoredViewer { id, only_changes, is_opening }| {
            let viewer = known.remove(&id).unwrap_or_default();
            (id, Viewer { only_changes, is_opening, ..viewer })
        });
        self.0 = viewers.collect();
    }

    /// Returns the viewers that `frame` is due for. A viewer of changes that no frame was posted to is one of them: it may
    /// not know of a change that this pusher has not seen.
    pub(super) fn due(&self, frame: LastFrame) -> Due {
        let wants = |viewer: &Viewer| {
            let last = viewer.last_frame.filter(|_| viewer.only_changes);
            last.is_none_or(|last| last.is_followed_by(frame.version, frame.sent_at))
        };
        let mut due: Vec<_> = self.0.iter().filter(|(_, viewer)| wants(viewer)).collect();
        due.sort_unstable_by_key(|(_, viewer)| (viewer.is_failing, viewer.tried_at));
        let healthy = due.partition_point(|(_, viewer)| !viewer.is_failing);
        Due { ids: due.into_iter().map(|(id, _)| id.clone()).collect(), healthy }
    }

    /// Notes what became of posting `frame` to a viewer. Returns whether its connection was closed.
    pub(super) fn settle(&mut self, id: &str, delivery: Delivery, frame: LastFrame) -> bool {
        let Some(viewer) = self.0.get_mut(id) else { return false };
        let is_gone = delivery == Delivery::Gone;
        if is_gone && viewer.is_opening {
            return false;
        }
        viewer.tried_at = Some(frame.sent_at);
        viewer.is_failing = delivery == Delivery::Failed;
        if delivery == Delivery::Taken {
            viewer.last_frame = Some(frame);
        }
        is_gone
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn stored(id: &str, only_changes: bool) -> StoredViewer {
        StoredViewer { id: id.to_owned(), only_changes, is_opening: false }
    }

    fn due(audience: &Audience, frame: LastFrame) -> (Vec<String>, usize) {
        let Due { mut ids, healthy } = audience.due(frame);
        ids[..healthy].sort_unstable();
        ids[healthy..].sort_unstable();
        (ids, healthy)
    }

    /// Frames that are due in the seconds from now on, each with its version.
    fn frames(versions: &[u64]) -> Vec<LastFrame> {
        let now = Instant::now();
        let second = |(second, version): (u64, &u64)| LastFrame {
            version: *version,
            sent_at: now + Duration::from_secs(second),
        };
        (0..).zip(versions).map(second).collect()
    }

    #[test]
    fn a_viewer_of_changes_gets_the_first_frame_and_then_one_at_each_change() {
        let mut audience = Audience::default();
        let mut seen = Vec::new();
        for frame in frames(&[1, 1, 2, 2, 3]) {
            audience.update(vec![stored("each second", false), stored("changes", true)]);
            let (ids, _) = due(&audience, frame);
            for id in &ids {
                assert!(!audience.settle(id, Delivery::Taken, frame));
            }
            seen.push(ids.len());
        }
        assert_eq!(seen, [2, 1, 2, 1, 2]);
    }

    #[test]
    fn a_frame_that_was_not_taken_is_due_again() {
        let mut audience = Audience::default();
        audience.update(vec![stored("changes", true)]);
        for frame in frames(&[1, 1]) {
            assert_eq!(due(&audience, frame).0, ["changes"]);
            audience.settle("changes", Delivery::Failed, frame);
        }
    }

    #[test]
    fn those_to_which_posts_fail_come_last_and_those_that_waited_longest_first() {
        let mut audience = Audience::default();
        audience.update(["a", "b", "c", "d"].map(|id| stored(id, false)).into());
        let frames = frames(&[1, 2, 3]);
        audience.settle("a", Delivery::Failed, frames[0]);
        audience.settle("b", Delivery::Failed, frames[1]);
        audience.settle("c", Delivery::Taken, frames[1]);
        // Nothing was posted to d, for lack of time.
        let last = frames[2];
        assert_eq!(
            audience.due(last),
            Due { ids: ["d", "c", "a", "b"].map(str::to_owned).into(), healthy: 2 }
        );
        audience.settle("a", Delivery::Taken, last);
        assert_eq!(due(&audience, last).1, 3);
    }

    #[test]
    fn a_connection_that_is_not_open_yet_is_not_taken_for_one_that_was_closed() {
        let mut audience = Audience::default();
        let frame = frames(&[1])[0];
        audience.update(vec![StoredViewer { is_opening: true, ..stored("new", true) }, stored("old", true)]);
        assert!(!audience.settle("new", Delivery::Gone, frame));
        assert!(audience.settle("old", Delivery::Gone, frame));
        audience.update(vec![stored("new", true)]);
        assert_eq!(due(&audience, frame), (vec!["new".to_owned()], 1));
    }
}
