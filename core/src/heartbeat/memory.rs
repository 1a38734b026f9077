//! The figures as they were last read from the database or changed by a commit of this process.
//! All of it can be thrown away at any moment; the database is the only truth.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use time::{Duration, OffsetDateTime};

use crate::{
    database::beats::Counted,
    stats::{DeviceFigures, Figures, Snapshot},
};

/// How long figures may be shown without asking the database what other processes have written.
const FRESH_FOR: Duration = Duration::SECOND;

#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    figures: Option<Figures>,
    /// When the figures were last asked for. `None`: ask again before showing them.
    read_at: Option<OffsetDateTime>,
    /// Visits that are not in the database yet.
    visits: i64,
    /// The last snapshot made, and the Unix time that it shows.
    snapshot: Option<(i64, Arc<Snapshot>)>,
    /// How often the figures have changed, visits left out.
    changes: u64,
}

/// The figures of one moment, visits left out: whoever sees the same one twice sees the same figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision {
    second: i64,
    changes: u64,
}

impl Memory {
    /// Whether the figures are recent enough to be shown.
    pub(super) fn is_fresh(&self, now: OffsetDateTime) -> bool {
        self.state().is_fresh(now)
    }

    /// The figures at `now`, if they are recent enough to be shown.
    pub(super) fn fresh_snapshot(&self, now: OffsetDateTime) -> Option<Arc<Snapshot>> {
        let mut state = self.state();
        if state.is_fresh(now) { state.snapshot(now) } else { None }
    }

    /// The name of the figures at `now`.
    pub(super) fn revision(&self, now: OffsetDateTime) -> Revision {
        Revision { second: now.unix_timestamp(), changes: self.state().changes }
    }

    /// The figures at `now`, however old they are.
    pub(super) fn snapshot(&self, now: OffsetDateTime) -> Option<Arc<Snapshot>> {
        self.state().snapshot(now)
    }

    /// Takes figures that were asked for at `read_at`.
    pub(super) fn replace(&self, figures: Figures, read_at: OffsetDateTime) {
        let mut state = self.state();
        state.figures = Some(figures);
        state.changes += 1;
        state.read_at = Some(read_at);
        state.snapshot = None;
    }

    /// Takes what a commit of this process changed.
    pub(super) fn count(&self, devices: &[Counted]) {
        self.state().change(|figures| {
            // An absence that seems to end here was ended by another process just before, if the
            // statement did not say how long it was.
            let latest = devices.iter().map(|counted| counted.last_beat).max();
            let silent =
                latest.zip(figures.last_beat()).is_some_and(|(now, before)| now - before >= Duration::SECOND);
            let noted = devices.iter().find_map(|counted| counted.longest_absence);
            figures.longest_absence = figures.longest_absence.max(noted.unwrap_or(0));
            let counted = devices.iter().all(|counted| {
                figures.device_mut(counted.id).is_some_and(|device| {
                    device.num_beats = counted.num_beats;
                    device.last_beat = Some(counted.last_beat);
                    true
                })
            });
            counted && (noted.is_some() || !silent)
        });
    }

    /// Takes a device that this process registered.
    pub(super) fn add_device(&self, id: i64, name: &str) {
        self.state().change(|figures| {
            figures.add_device(DeviceFigures { id, name: Some(name.into()), last_beat: None, num_beats: 0 });
            true
        });
    }

    /// Counts a visit; true if it is the first that is not in the database yet.
    pub(super) fn count_visit(&self) -> bool {
        let mut state = self.state();
        state.visits += 1;
        state.snapshot = None;
        state.visits == 1
    }

    /// How many visits are not in the database yet.
    pub(super) fn unwritten_visits(&self) -> i64 {
        self.state().visits
    }

    /// Takes note that `visits` are in the database now.
    pub(super) fn visits_written(&self, visits: i64) {
        let mut state = self.state();
        state.visits -= visits;
        state.change(|figures| {
            figures.visits += visits;
            true
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock half way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_fresh(&self, now: OffsetDateTime) -> bool {
        // A clock that was set back says nothing about age.
        self.read_at.is_some_and(|read_at| (Duration::ZERO..FRESH_FOR).contains(&(now - read_at)))
    }

    /// Changes the figures, if there are any. `change` says whether they were complete enough to
    /// be changed; if not, they are read again before they are shown.
    fn change(&mut self, change: impl FnOnce(&mut Figures) -> bool) {
        let complete = self.figures.as_mut().is_none_or(change);
        if !complete {
            self.read_at = None;
        }
        self.changes += 1;
        self.snapshot = None;
    }

    fn snapshot(&mut self, now: OffsetDateTime) -> Option<Arc<Snapshot>> {
        let second = now.unix_timestamp();
        if let Some((shown, snapshot)) = &self.snapshot
            && *shown == second
        {
            return Some(Arc::clone(snapshot));
        }
        let mut stats = self.figures.as_ref()?.at(now);
        stats.num_visits += self.visits;
        let snapshot = Arc::new(Snapshot::new(stats));
        self.snapshot = Some((second, Arc::clone(&snapshot)));
        Some(snapshot)
    }
}
