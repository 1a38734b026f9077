//! The history on pages: when devices were in use, as far as the visitor may see it.
//!
//! - [`days`]: today and the last seven days, on `/`
//! - [`stats`]: a year and what it says, on `/stats`, with its parts: [`year`], [`week`], [`months`], [`absences`]
//! - [`grid`]: cells of grids.
//! - [`words`]: times in use, and dates, as people read and hear them.

mod absences;
pub(crate) mod days;
mod grid;
mod months;
pub(crate) mod stats;
mod week;
mod words;
mod year;

use std::{net::IpAddr, sync::Arc, time::Duration};

use heartbeat_core::{
    Error, Heartbeat,
    alert::past::Period,
    heartbeat::history::{HistoryView, Onlooker},
    presence::{Presence, Step},
    runtime::Runtime,
    settings::{History, Precision, Settings},
    stats::Stats,
};
use time::OffsetDateTime;
use tokio::time::timeout;

use crate::App;
use absences::Absences;

/// Timeout of reading the history: a page that would have to wait longer comes without it.
const READ_TIMEOUT: Duration = Duration::from_secs(1);

/// What is said as long as the roll-up is behind.
const INCOMPLETE: &str = "Older beats are still being read: days may show too little until that is done.";

/// Days that pages show at most: 53 weeks, and what is left of this one.
const DAYS: i64 = 53 * 7;

/// What a page shows of the history besides presence, if hours may be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Outages,
    Absences,
}

/// What a visitor may see of the history of a device, or of all together.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    view: HistoryView,
    presence: Arc<Presence>,
    /// When the service could hear no beat, in the days that timelines show.
    outages: Arc<[Period]>,
    absences: Absences,
    /// What the visitor should know of it.
    notes: Vec<&'static str>,
    /// Whether it changes with each beat, as the stream tells of them.
    is_live: bool,
    /// Whether times are shown as they were.
    is_exact: bool,
    /// Whether times are shown by the day.
    is_by_days: bool,
}

impl Shown {
    /// Reads what `onlooker`, from `client`, may see of the history of a device, or of all together, at the time `now`; `None` if
    /// that is nothing, and if it cannot be read soon.
    pub(crate) async fn read(
        app: &App,
        onlooker: Onlooker,
        device: Option<i64>,
        wanted: Wanted,
        now: OffsetDateTime,
        client: Option<IpAddr>,
    ) -> Option<Self> {
        let settings = app.heartbeat.settings().await.ok()?.effective();
        let view = app.heartbeat.history(onlooker, now).await.ok()?;
        if settings.history == History::Off || !view.shows(Step::Day) {
            return None;
        }
        let read = read(app.heartbeat.clone(), view.clone(), device, wanted, client);
        let Read { presence, outages, absences } = match app.heartbeat.runtime() {
            // What was read too late is in memory for the next view.
            Runtime::Server => timeout(READ_TIMEOUT, tokio::spawn(read)).await.ok()?.ok()?,
            Runtime::Lambda => timeout(READ_TIMEOUT, read).await.ok()?,
        }
        .ok()?;
        let precision = match onlooker {
            Onlooker::Owner => Precision::Exact,
            Onlooker::Stranger => settings.precision,
        };
        let of_owner = (onlooker == Onlooker::Owner).then(|| note(&settings)).flatten();
        let of_all = presence.is_incomplete().then_some(INCOMPLETE);
        Some(Self {
            notes: of_owner.into_iter().chain(of_all).collect(),
            presence: view.of(presence),
            outages,
            absences,
            is_live: settings.precision == Precision::Exact,
            is_exact: precision == Precision::Exact,
            is_by_days: matches!(precision, Precision::Day | Precision::Week),
            view,
        })
    }

    /// Whether hours may be seen, and not whole days alone.
    fn has_hours(&self) -> bool {
        self.view.shows(Step::Hour)
    }

    /// Returns the time from which on there may have been beats: the first setup of the server, or an earlier beat that was
    /// moved in.
    fn since(&self, stats: &Stats) -> OffsetDateTime {
        let setup = OffsetDateTime::from_unix_timestamp(stats.as_of - stats.uptime).ok();
        let times = [setup, self.presence.first()].into_iter().flatten();
        times.min().unwrap_or(self.view.until).min(self.view.until)
    }
}

/// What was read for a page.
struct Read {
    presence: Arc<Presence>,
    outages: Arc<[Period]>,
    absences: Absences,
}

/// Reads what a page wants of the history, as far as `view` shows it.
async fn read(
    heartbeat: Heartbeat,
    view: HistoryView,
    device: Option<i64>,
    wanted: Wanted,
    client: Option<IpAddr>,
) -> Result<Read, Error> {
    let presence = heartbeat.presence(&view, device, &view.recent_days(DAYS), client).await?;
    let mut read = Read { presence, outages: Arc::default(), absences: Absences::default() };
    if !view.shows(Step::Quarter) {
        return Ok(read);
    }
    match wanted {
        Wanted::Outages => read.outages = heartbeat.outages(days::LOOKBACK, client).await?,
        Wanted::Absences => {
            let of = async |asked| heartbeat.recent_absences(&view, asked, client).await;
            let (latest, longest) = (of(absences::LATEST).await?, of(absences::LONGEST).await?);
            read.absences = Absences { latest, longest };
        }
    }
    Ok(read)
}

/// Tells the owner, who sees all, what visitors do not.
fn note(settings: &Settings) -> Option<&'static str> {
    match (settings.history, settings.precision) {
        (History::Off | History::Owner, _) => Some("You are signed in. Visitors see nothing of this."),
        (History::Day, _) => Some("You are signed in. Visitors see how long each day, and no hours."),
        (History::Full, Precision::Exact) => None,
        (History::Full, _) => Some("You are signed in. Visitors see this with less exact times."),
    }
}
