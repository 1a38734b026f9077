//! The stats as they were last read from the database or changed by a commit of this process.
//! All of it can be thrown away at any moment; the database is the only truth.
//!
//! Reads and commits run at the same time, so a read may return what was there before a commit that has been
//! acknowledged meanwhile. Changes are therefore noted while a read is under way, and made again on its result.
//! The values they set only ever grow, so a change that the read had seen already is harmless.
//!
//! All times in the stats are the database's. Callers pass those of this process's clock, which is held against the
//! database's with each read; after it was set, whichever way, the stats are read again before they are shown.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use time::{Duration, OffsetDateTime};
use tokio::sync::Notify;

use crate::{
    database::beats::CountedDevice,
    settings::{Choices, OwnerSettings},
    stats::{PublishedStats, Snapshot, StoredDevice, StoredStats, shown_count},
};

/// Age up to which stats are shown without asking the database what other processes have written.
const MAX_AGE: Duration = Duration::SECOND;

#[derive(Debug, Default)]
pub(super) struct StatsCache {
    state: Mutex<State>,
    /// Settings that the configuration sets.
    configured: Choices,
    /// Notified when this process has changed the stats.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    stored: Option<StoredStats>,
    /// Time of the last beat of any device in them: each batch asks for it, and should not look at all devices.
    last_beat: Option<OffsetDateTime>,
    /// When the stats were last read. `None`: read them again before they are shown.
    read_at: Option<OffsetDateTime>,
    /// How far the database's clock is ahead of this process's; negative if it is behind.
    clock_offset: Duration,
    /// Changes since the read under way began.
    changes_since_read: Vec<Change>,
    reading: bool,
    /// Visits that are not in the database yet.
    unwritten_visits: i64,
    /// The last snapshot made, and the Unix time that it shows.
    snapshot: Option<(i64, Arc<Snapshot>)>,
    /// Number of changes to the stats, visits left out.
    changes: u64,
}

/// A change that a commit of this process made.
#[derive(Debug, Clone)]
enum Change {
    Counted {
        id: i64,
        num_beats: i64,
        last_beat: OffsetDateTime,
        longest_absence: Option<i64>,
    },
    Added {
        id: i64,
        name: Arc<str>,
    },
    TotalVisits(i64),
    /// A change with effects that this process cannot work out.
    Outdated,
}

/// Version of the stats, visits left out: equal revisions mean equal stats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision {
    second: i64,
    changes: u64,
}

impl StatsCache {
    /// Returns an empty cache of a program whose configuration sets some settings.
    pub(super) fn new(configured: Choices) -> Self {
        Self { configured, ..Self::default() }
    }

    /// The settings as they were last read.
    pub(super) fn settings(&self) -> OwnerSettings {
        let chosen = self.state().stored.as_ref().map(|stored| stored.chosen.clone());
        OwnerSettings { configured: self.configured.clone(), chosen: chosen.unwrap_or_default() }
    }

    /// Beats of all devices, public or not, that this process knows of.
    pub(super) fn total_beats(&self) -> i64 {
        let state = self.state();
        let devices = state.stored.iter().flat_map(|stored| &stored.devices);
        devices.fold(0, |total: i64, device| total.saturating_add(device.num_beats))
    }

    /// The last beat of any device, public or not, that this process knows of.
    pub(super) fn last_beat(&self) -> Option<OffsetDateTime> {
        self.state().last_beat
    }

    /// The time of the database's clock at `now`.
    pub(super) fn database_time(&self, now: OffsetDateTime) -> OffsetDateTime {
        self.state().database_time(now)
    }

    /// Has the stats read again before they are shown: this process has changed what it cannot work out.
    pub(super) fn mark_outdated(&self) {
        self.state().change(Change::Outdated);
        self.changed.notify_one();
    }

    /// Whether the stats are recent enough to be shown.
    pub(super) fn is_fresh(&self, now: OffsetDateTime) -> bool {
        self.state().is_fresh(now)
    }

    /// The stats at `now`, if they are recent enough to be shown.
    pub(super) fn fresh_snapshot(&self, now: OffsetDateTime) -> Option<Arc<Snapshot>> {
        let mut state = self.state();
        if state.is_fresh(now) { state.snapshot(now) } else { None }
    }

    /// The revision of the stats at `now`.
    pub(super) fn revision(&self, now: OffsetDateTime) -> Revision {
        let state = self.state();
        Revision { second: state.shown_second(now), changes: state.changes }
    }

    /// The stats at `now`, however old they are.
    pub(super) fn snapshot(&self, now: OffsetDateTime) -> Option<Arc<Snapshot>> {
        self.state().snapshot(now)
    }

    /// Notes that a read begins. There is one at a time.
    pub(super) fn begin_read(&self) {
        let mut state = self.state();
        state.changes_since_read.clear();
        state.reading = true;
    }

    /// Notes that the read under way has failed.
    pub(super) fn cancel_read(&self) {
        let mut state = self.state();
        state.changes_since_read.clear();
        state.reading = false;
    }

    /// Takes the result of a read that began at `read_at` and ended at `now`.
    pub(super) fn replace(&self, stored: StoredStats, read_at: OffsetDateTime, now: OffsetDateTime) {
        let mut state = self.state();
        state.reading = false;
        state.read_at = Some(read_at);
        state.clock_offset = clock_offset(stored.as_of, read_at, now);
        state.last_beat = stored.last_beat();
        // Figures of a boundary stay what they are, however often they are read.
        let before = state.stored.replace(stored).and_then(|stored| stored.published);
        let is_same = before.is_some_and(|before| state.published() == Some(&before));
        for change in std::mem::take(&mut state.changes_since_read) {
            state.apply(change);
        }
        if !is_same {
            state.invalidate_snapshot();
        }
    }

    /// Takes what a commit of this process changed.
    pub(super) fn count(&self, devices: &[CountedDevice]) {
        let mut state = self.state();
        // An absence that seems to end here was ended by another process just before, if the statement did not
        // say how long it was.
        let latest = devices.iter().map(|counted| counted.last_beat).max();
        let absent =
            latest.zip(state.last_beat).is_some_and(|(now, before)| now - before >= Duration::SECOND);
        if absent && devices.iter().all(|counted| counted.longest_absence.is_none()) {
            state.change(Change::Outdated);
        }
        for counted in devices {
            state.change(Change::Counted {
                id: counted.id,
                num_beats: counted.num_beats,
                last_beat: counted.last_beat,
                longest_absence: counted.longest_absence,
            });
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Takes a device that this process registered.
    pub(super) fn add_device(&self, id: i64, name: &str) {
        self.state().change(Change::Added { id, name: name.into() });
        self.changed.notify_one();
    }

    /// Counts a visit; true if it is the first that is not in the database yet.
    pub(super) fn count_visit(&self) -> bool {
        let mut state = self.state();
        state.unwritten_visits += 1;
        if state.published().is_none() {
            state.snapshot = None;
        }
        let is_first = state.unwritten_visits == 1;
        drop(state);
        self.changed.notify_one();
        is_first
    }

    /// Waits until this process has changed the stats since this last returned. For one caller at a time.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Number of all visits, as snapshots will show it once one more is counted.
    pub(super) fn visits_with_this(&self) -> i64 {
        let state = self.state();
        if let Some(published) = state.published() {
            return shown_count(published.visits);
        }
        let stored = state.stored.as_ref().map_or(0, |stored| stored.visits);
        shown_count(stored.saturating_add(state.unwritten_visits).saturating_add(1))
    }

    /// Number of visits that are not in the database yet.
    pub(super) fn unwritten_visits(&self) -> i64 {
        self.state().unwritten_visits
    }

    /// Notes that `visits` are in the database now, which make `total` of them.
    pub(super) fn visits_written(&self, visits: i64, total: i64) {
        let mut state = self.state();
        state.unwritten_visits -= visits;
        state.change(Change::TotalVisits(total));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock half way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_fresh(&self, now: OffsetDateTime) -> bool {
        // A clock that was set back says nothing about age.
        self.read_at.is_some_and(|read_at| (Duration::ZERO..MAX_AGE).contains(&(now - read_at)))
    }

    /// What the database's clock shows when this process's shows `now`.
    fn database_time(&self, now: OffsetDateTime) -> OffsetDateTime {
        now.saturating_add(self.clock_offset)
    }

    /// Makes a change, and notes it for the read under way.
    fn change(&mut self, change: Change) {
        if self.reading {
            self.changes_since_read.push(change.clone());
        }
        self.apply(change);
        // Nothing that happens changes the figures of a boundary.
        if self.published().is_none() {
            self.invalidate_snapshot();
        }
    }

    /// The figures of the last boundary, if those are what is shown.
    fn published(&self) -> Option<&PublishedStats> {
        self.stored.as_ref().and_then(|stored| stored.published.as_ref())
    }

    /// The second that a snapshot at `now` shows.
    fn shown_second(&self, now: OffsetDateTime) -> i64 {
        self.published().map_or_else(|| self.database_time(now), |published| published.as_of).unix_timestamp()
    }

    /// Makes a change to the stats, if there are any. If they do not know of a device that it is about, they are
    /// read again before they are shown.
    fn apply(&mut self, change: Change) {
        let Some(stored) = &mut self.stored else { return };
        match change {
            Change::Counted { id, num_beats, last_beat, longest_absence } => {
                stored.longest_absence = stored.longest_absence.max(longest_absence.unwrap_or(0));
                match stored.device_mut(id) {
                    Some(device) => {
                        device.num_beats = device.num_beats.max(num_beats);
                        device.last_beat = device.last_beat.max(Some(last_beat));
                        self.last_beat = self.last_beat.max(Some(last_beat));
                    }
                    None => self.read_at = None,
                }
            }
            Change::Added { id, name } => {
                stored.add_device(StoredDevice::new(id, name));
            }
            Change::TotalVisits(total) => stored.visits = stored.visits.max(total),
            Change::Outdated => self.read_at = None,
        }
    }

    fn invalidate_snapshot(&mut self) {
        self.changes += 1;
        self.snapshot = None;
    }

    fn snapshot(&mut self, now: OffsetDateTime) -> Option<Arc<Snapshot>> {
        let second = self.shown_second(now);
        if let Some((shown, snapshot)) = &self.snapshot
            && *shown == second
        {
            return Some(Arc::clone(snapshot));
        }
        let stored = self.stored.as_ref()?;
        let mut stats = stored.public(self.database_time(now));
        if stored.published.is_none() {
            stats.num_visits = shown_count(stored.visits.saturating_add(self.unwritten_visits));
        }
        let snapshot = Arc::new(Snapshot::new(stats));
        self.snapshot = Some((second, Arc::clone(&snapshot)));
        Some(snapshot)
    }
}

/// How far a clock that showed `as_of` is certainly ahead of this process's, which showed `before` earlier and `after`
/// later; negative if it is behind. Zero if the two may well agree: how long each way took is not known.
fn clock_offset(as_of: OffsetDateTime, before: OffsetDateTime, after: OffsetDateTime) -> Duration {
    (as_of - after).max(Duration::ZERO) + (as_of - before).min(Duration::ZERO)
}

#[cfg(test)]
mod tests;
