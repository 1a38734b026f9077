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
    database::{absences, presence},
    notify::event::LONG_ABSENCE,
    presence::{
        Days, Presence, Step,
        absences::{Absence, AbsencePage, Asked, Order},
    },
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
    /// The absence of the present, if it is longer than an hour.
    pub ongoing: Option<Absence>,
    /// How exact times are. Unless they are exact, the quarter of an hour in which the boundary lies is left out.
    precision: Precision,
}

impl HistoryView {
    fn new(
        onlooker: Onlooker,
        settings: Settings,
        until: OffsetDateTime,
        last_beat: Option<OffsetDateTime>,
    ) -> Self {
        let (shortest, precision) = match (onlooker, settings.history) {
            (Onlooker::Owner, _) => (Some(Step::Quarter), Precision::Exact),
            (Onlooker::Stranger, History::Full) => (Some(Step::Quarter), settings.precision),
            (Onlooker::Stranger, History::Day) => (Some(Step::Day), settings.precision),
            (Onlooker::Stranger, History::Off | History::Owner) => (None, settings.precision),
        };
        let absence = last_beat.map(|started_at| Absence { started_at, ended_at: None, ended_by: None });
        let ongoing = absence.filter(|absence| absence.length(until) > LONG_ABSENCE);
        let today = settings.timezone.date(until);
        Self { timezone: settings.timezone, shortest, today, until, ongoing, precision }
    }

    /// Whether sums by `step` may be seen.
    #[must_use]
    pub fn shows(&self, step: Step) -> bool {
        self.shortest.is_some_and(|shortest| step.in_a_day() <= shortest.in_a_day())
    }

    /// Returns what may be seen of `presence`.
    #[must_use]
    pub fn of(&self, presence: Arc<Presence>) -> Arc<Presence> {
        match self.precision {
            Precision::Exact => presence,
            _ => Arc::new(presence.before(self.until)),
        }
    }

    /// Returns a time as it may be seen.
    fn rounded(&self, time: OffsetDateTime) -> OffsetDateTime {
        match self.precision {
            Precision::Exact => time,
            _ => self.precision.boundary(time, &self.timezone),
        }
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
        let present = self.cache.database_time(now);
        if onlooker == Onlooker::Owner || settings.precision == Precision::Exact {
            return Ok(HistoryView::new(onlooker, settings, present, self.cache.last_beat()));
        }
        // What is public is as of the boundary, even where it is of a later moment.
        let snapshot = self.snapshot(now).await?;
        let time = |seconds: i64| OffsetDateTime::from_unix_timestamp(seconds).ok();
        let boundary = time(snapshot.stats.as_of).unwrap_or(present);
        let boundary = settings.precision.boundary(boundary, &settings.timezone);
        Ok(HistoryView::new(onlooker, settings, boundary, snapshot.stats.last_seen.and_then(time)))
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

    /// Returns absences of more than an hour, for a `client`: of the latest ones, that of the present comes first. The view has to
    /// show more than days. Strangers see what had ended at their boundary, and its times as boundaries.
    pub async fn absences(
        &self,
        view: &HistoryView,
        asked: Asked,
        client: Option<IpAddr>,
    ) -> Result<AbsencePage, Error> {
        let _share = self.history_reads.take(client).ok_or(Error::Unavailable)?;
        let read = async |connection: &mut _| absences::ended(connection, asked, view.until).await;
        let mut page = self.reads.run(read).await?;
        for absence in &mut page.absences {
            absence.started_at = view.rounded(absence.started_at);
            absence.ended_at = absence.ended_at.map(|ended_at| view.rounded(ended_at));
        }
        if asked.order == Order::Latest && asked.before.is_none() {
            page.absences.splice(0..0, view.ongoing);
        }
        Ok(page)
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
