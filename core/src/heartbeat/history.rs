//! The history: who may see what of it, and the presence that it is made of.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use time::{Date, Duration, OffsetDateTime};

use super::Heartbeat;
use crate::{
    Error,
    database::presence,
    presence::{Days, Presence, Step},
    settings::{History, Precision, Settings, Timezone},
};

/// Days before today whose presence is kept in memory: 53 weeks, which is what pages and pictures show.
const RECENT_DAYS: i64 = 53 * 7;

/// Age up to which presence in memory is shown although there are more beats.
const AGE_MIN: Duration = Duration::SECOND;

/// Age up to which it is shown while there are none. It may change without one: by erasing a device, by a roll-up that catches
/// up.
const AGE_MAX: Duration = Duration::seconds(10);

/// Devices whose presence is kept in memory, each half a megabyte at most. When there are more, all are forgotten.
const RECENT_CAPACITY: usize = 32;

/// Reads of history that may wait for the reads session.
pub(super) const READS_CAPACITY: usize = 32;

/// Reads of history that may wait from one client IP.
pub(super) const READS_PER_CLIENT: usize = READS_CAPACITY / 4;

/// Who looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Onlooker {
    /// The owner.
    Owner,
    /// Anybody else.
    Stranger,
}

/// What may be seen of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryView {
    /// Time zone of days and hours.
    pub timezone: Timezone,
    /// The shortest steps that may be seen; `None` if nothing may be.
    pub shortest: Option<Step>,
    /// Today.
    pub today: Date,
    /// The present, or the boundary up to which strangers may know of beats.
    pub until: OffsetDateTime,
    /// Whether that is a boundary: then the quarter of an hour in which it lies is left out.
    is_boundary: bool,
}

impl HistoryView {
    fn new(
        onlooker: Onlooker,
        settings: Settings,
        now: OffsetDateTime,
        boundary: Option<OffsetDateTime>,
    ) -> Self {
        let shortest = match (onlooker, settings.history) {
            (Onlooker::Owner, _) | (Onlooker::Stranger, History::Full) => Some(Step::Quarter),
            (Onlooker::Stranger, History::Day) => Some(Step::Day),
            (Onlooker::Stranger, History::Off | History::Owner) => None,
        };
        let until = boundary.unwrap_or(now);
        let today = settings.timezone.date(until);
        Self { timezone: settings.timezone, shortest, today, until, is_boundary: boundary.is_some() }
    }

    /// Whether sums by `step` may be seen.
    #[must_use]
    pub fn shows(&self, step: Step) -> bool {
        self.shortest.is_some_and(|shortest| step.in_a_day() <= shortest.in_a_day())
    }

    /// Returns what may be seen of `presence`.
    #[must_use]
    pub fn of(&self, presence: Arc<Presence>) -> Arc<Presence> {
        if self.is_boundary { Arc::new(presence.before(self.until)) } else { presence }
    }

    /// Returns the latest days, today the last of them, of which [`Heartbeat::presence`] has the presence at hand.
    #[must_use]
    pub fn recent_days(&self, count: i64) -> Days {
        let first = self.today.checked_sub(Duration::days(count - 1)).unwrap_or(self.today);
        first..=self.today
    }
}

/// Presence of the latest days, by device.
#[derive(Debug, Default)]
pub(super) struct RecentPresence(Mutex<HashMap<Option<i64>, Recent>>);

#[derive(Debug, Clone)]
struct Recent {
    presence: Arc<Presence>,
    days: Days,
    read_at: OffsetDateTime,
    /// Beats of all devices that there were then.
    total_beats: i64,
}

impl Recent {
    fn is_fresh(&self, now: OffsetDateTime, total_beats: i64) -> bool {
        let age = now - self.read_at;
        let max = if total_beats == self.total_beats { AGE_MAX } else { AGE_MIN };
        age >= Duration::ZERO && age < max
    }
}

impl Heartbeat {
    /// Returns what `onlooker` may see of the history at the time `now`.
    pub async fn history(&self, onlooker: Onlooker, now: OffsetDateTime) -> Result<HistoryView, Error> {
        let settings = self.settings().await?.effective();
        let now = self.cache.database_time(now);
        let is_exact = onlooker == Onlooker::Owner || settings.precision == Precision::Exact;
        let last_boundary = || settings.precision.boundary(now, &settings.timezone);
        let boundary = (!is_exact).then(|| self.cache.boundary().unwrap_or_else(last_boundary));
        Ok(HistoryView::new(onlooker, settings, now, boundary))
    }

    /// Returns the presence of a device, or of anybody, for a `client`: at least that of these local days. It is as of the last
    /// second, or of the last ten if no beat came.
    pub async fn presence(
        &self,
        device: Option<i64>,
        days: &Days,
        client: Option<IpAddr>,
    ) -> Result<Arc<Presence>, Error> {
        let now = (self.clock)();
        let total_beats = self.cache.total_beats();
        let recent = |recent: &&Recent| {
            recent.is_fresh(now, total_beats)
                && recent.days.contains(days.start())
                && recent.days.contains(days.end())
        };
        let known =
            self.recent_presence.lock().get(&device).filter(recent).map(|it| Arc::clone(&it.presence));
        if let Some(presence) = known {
            return Ok(presence);
        }
        let _share = self.history_reads.take(client).ok_or(Error::Unavailable)?;
        let latest = self.latest_days(now);
        let is_recent = latest.contains(days.start()) && latest.contains(days.end());
        let days = if is_recent { latest } else { days.clone() };
        let read = async |connection: &mut _| presence::read(connection, device, &days).await;
        let presence = Arc::new(self.reads.run(read).await?);
        if is_recent {
            let recent = Recent { presence: Arc::clone(&presence), days, read_at: now, total_beats };
            self.recent_presence.insert(device, recent);
        }
        Ok(presence)
    }

    /// Days that are kept in memory: wherever on earth it is tomorrow or yesterday, too.
    fn latest_days(&self, now: OffsetDateTime) -> Days {
        let today = self.cache.database_time(now).date();
        let (first, last) = (today.checked_sub(Duration::days(RECENT_DAYS + 1)), today.next_day());
        first.unwrap_or(today)..=last.unwrap_or(today)
    }
}

impl RecentPresence {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Option<i64>, Recent>> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert(&self, device: Option<i64>, recent: Recent) {
        let mut devices = self.lock();
        if devices.len() >= RECENT_CAPACITY {
            devices.clear();
        }
        devices.insert(device, recent);
    }
}
