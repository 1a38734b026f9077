//! The history: who may see what of it, and the presence that it is made of.

use std::{net::IpAddr, sync::Arc};

use time::{Date, Duration, OffsetDateTime};

use super::{
    Heartbeat,
    recent::{Moment, Recent},
};
use crate::{
    Error,
    database::{absences, presence},
    notify::event::LONG_ABSENCE,
    presence::{
        Days, Presence, Step,
        absences::{Absence, AbsencePage, Asked},
    },
    settings::{History, Precision, Settings, Timezone},
};

/// Days before today whose presence is kept in memory: 53 weeks, which is what pages and pictures show, before the Monday that is
/// today to strangers where times are as exact as weeks.
const RECENT_DAYS: i64 = 54 * 7;

/// Reads that may wait for the session of the history.
pub(super) const READS_CAPACITY: usize = 32;

/// Reads that may wait for it from one client IP.
pub(super) const READS_PER_CLIENT: usize = READS_CAPACITY / 4;

/// Who looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Onlooker {
    /// The owner.
    Owner,
    /// All others.
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
        // In the middle of a day or a week it may have begun so much later than it says.
        let inexact = match precision {
            Precision::Day | Precision::Week => Duration::seconds(precision.seconds()),
            _ => Duration::ZERO,
        };
        let ongoing = absence.filter(|absence| absence.length(until) - inexact > LONG_ABSENCE);
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

    /// Minutes of the steps in which times of a day may be seen.
    #[must_use]
    pub fn grain(&self) -> u16 {
        match self.precision {
            Precision::Exact | Precision::Minute => 1,
            Precision::Quarter => 15,
            Precision::Hour | Precision::Day | Precision::Week => 60,
        }
    }

    /// Returns a time as it may be seen.
    fn rounded(&self, time: OffsetDateTime) -> OffsetDateTime {
        match self.precision {
            Precision::Exact => time,
            _ => self.precision.boundary(time, &self.timezone),
        }
    }

    /// Returns absences as they may be seen, `ended` being those that were asked for.
    fn absences(&self, asked: Asked, ended: &[Absence]) -> Vec<Absence> {
        let rounded = |absence: &Absence| Absence {
            started_at: self.rounded(absence.started_at),
            ended_at: absence.ended_at.map(|ended_at| self.rounded(ended_at)),
            ..*absence
        };
        self.ongoing.filter(|_| asked.before.is_none()).into_iter().chain(ended.iter().map(rounded)).collect()
    }

    /// Returns the latest days, today the last of them, of which [`Heartbeat::presence`] has the presence at hand.
    #[must_use]
    pub fn recent_days(&self, count: i64) -> Days {
        let first = self.today.checked_sub(Duration::days(count - 1)).unwrap_or(self.today);
        first..=self.today
    }
}

/// Presence of days in memory, by device, and the time at which it was read.
pub(super) type RecentPresence = Recent<Option<i64>, (Days, OffsetDateTime, Arc<Presence>)>;

/// First pages of absences in memory, by what was asked for and the boundary up to which they are public.
pub(super) type RecentAbsences = Recent<(Asked, Option<OffsetDateTime>), Arc<[Absence]>>;

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

    /// Returns the presence of a device, or of all together, for a `client`: at least that of these local days. It is as of the last
    /// second, or of the last ten if no beat came, and never older than the boundary of the view.
    pub async fn presence(
        &self,
        view: &HistoryView,
        device: Option<i64>,
        days: &Days,
        client: Option<IpAddr>,
    ) -> Result<Arc<Presence>, Error> {
        let read = async |days: &Days| {
            let read = async |connection: &mut _| presence::read(connection, device, days).await;
            self.history.run(read).await.map(Arc::new)
        };
        let now = self.moment();
        let latest = self.latest_days(now.time);
        let contains = |known: &Days| known.contains(days.start()) && known.contains(days.end());
        if !contains(&latest) {
            let _share = self.history_reads.take(client).ok_or(Error::Unavailable)?;
            return read(days).await;
        }
        // What was read before the boundary lacks the last beats before it, and would change without another one.
        let boundary = (view.precision != Precision::Exact).then_some(view.until);
        let of_use = |(days, read_at, _): &(Days, OffsetDateTime, _)| {
            contains(days) && boundary.is_none_or(|boundary| *read_at >= boundary)
        };
        let read = async { Ok((latest.clone(), self.cache.database_time(now.time), read(&latest).await?)) };
        let (.., presence) = self.recent_presence.get(device, now, client, of_use, read).await?;
        Ok(presence)
    }

    /// Returns absences of more than an hour, for a `client`: that of the present comes first. The view has to
    /// show more than days. Strangers see what had ended at their boundary, and its times as boundaries.
    pub async fn absences(
        &self,
        view: &HistoryView,
        asked: Asked,
        client: Option<IpAddr>,
    ) -> Result<AbsencePage, Error> {
        let _share = self.history_reads.take(client).ok_or(Error::Unavailable)?;
        let read = async |connection: &mut _| absences::ended(connection, asked, view.until).await;
        let page = self.history.run(read).await?;
        Ok(AbsencePage { absences: view.absences(asked, &page.absences), ..page })
    }

    /// Returns the same as of the last second, or of the last ten if no beat came: for what many ask for.
    pub async fn recent_absences(
        &self,
        view: &HistoryView,
        asked: Asked,
        client: Option<IpAddr>,
    ) -> Result<Vec<Absence>, Error> {
        let boundary = (view.precision != Precision::Exact).then_some(view.until);
        let read = async {
            let read = async |connection: &mut _| absences::ended(connection, asked, view.until).await;
            Ok(self.history.run(read).await?.absences.into())
        };
        let ended =
            self.recent_absences.get((asked, boundary), self.moment(), client, |_| true, read).await?;
        Ok(view.absences(asked, &ended))
    }

    /// The present, for what was read lately.
    pub(super) fn moment(&self) -> Moment {
        Moment { time: (self.clock)(), total_beats: self.cache.total_beats() }
    }

    /// Days that are kept in memory: wherever on earth it is tomorrow or yesterday, too.
    fn latest_days(&self, now: OffsetDateTime) -> Days {
        let today = self.cache.database_time(now).date();
        let (first, last) = (today.checked_sub(Duration::days(RECENT_DAYS + 1)), today.next_day());
        first.unwrap_or(today)..=last.unwrap_or(today)
    }
}
