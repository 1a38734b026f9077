//! Keeps what is public as of the last boundary where the precision is not exact.
//!
//! The figures of a boundary are in the database, so that all processes show the same. The first process that reads the
//! stats after a boundary moves them on to it, if that is quick; else the job [`Publisher`] does. Until then, readers see
//! the figures of an older boundary, which tell nothing new.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use time::OffsetDateTime;
use tokio::time::Instant;

use crate::{
    Error,
    database::{Connection, Reads, SharedSession, published, stats},
    settings::{Choices, OwnerSettings, Precision, Settings},
    stats::StoredStats,
};

/// How far figures may be ahead of the database's clock before they are taken for ones of a clock that was wrong. Up to then
/// they stay until the clock has caught up: it was set back.
const CLOCK_TOLERANCE: time::Duration = time::Duration::DAY;

/// Timeout of a step that a reader waits for: less than that of a read, and more than four round trips to a database that
/// is far away.
const QUICK_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Backoff of readers after a step that failed. The job runs as often.
const BACKOFF: Duration = Duration::from_secs(10);

/// Timeout of a statement that the job starts a step with, or that finds out whether there is one to take.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// Time between the timeout of a statement and that of the session, for the error to arrive.
const STATEMENT_MARGIN: Duration = Duration::from_millis(500);

/// A change of the public figures that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Begin with the present figures.
    Start,
    /// Move on from a boundary to another.
    RollForward { previous: OffsetDateTime, boundary: OffsetDateTime },
    /// Remove the figures: everything public is exact.
    Clear,
}

impl Step {
    /// Returns the step that is due for figures as of `published_as_of`, at a time by the database's clock.
    fn due(
        settings: &Settings,
        published_as_of: Option<OffsetDateTime>,
        now: OffsetDateTime,
    ) -> Option<Self> {
        let Settings { precision, timezone, .. } = settings;
        let Some(previous) = published_as_of else {
            return (*precision != Precision::Exact).then_some(Self::Start);
        };
        if *precision == Precision::Exact {
            return Some(Self::Clear);
        }
        let boundary = precision.boundary(now, timezone);
        let is_wrong = previous > now.saturating_add(CLOCK_TOLERANCE);
        (previous < boundary || is_wrong).then_some(Self::RollForward { previous, boundary })
    }

    async fn take(self, connection: &mut Connection) -> Result<(), sqlx::Error> {
        match self {
            Self::Start => published::start(connection).await,
            Self::RollForward { previous, boundary } => {
                published::roll_forward(connection, previous, boundary).await
            }
            Self::Clear => published::clear(connection).await,
        }
    }
}

fn effective(configured: &Choices, stored: &StoredStats) -> Settings {
    OwnerSettings { configured: configured.clone(), chosen: stored.chosen.clone() }.effective()
}

/// Reads the stats for one process. Clones share the backoff.
#[derive(Debug, Clone)]
pub(crate) struct Publication {
    reads: Reads,
    /// Settings that the configuration sets.
    configured: Choices,
    /// When the last step failed.
    failed_at: Arc<Mutex<Option<Instant>>>,
}

impl Publication {
    pub(crate) fn new(reads: Reads, configured: Choices) -> Self {
        Self { reads, configured, failed_at: Arc::default() }
    }

    /// Reads the stats as of one moment, and what is public of them.
    pub(crate) async fn read(&self) -> Result<StoredStats, Error> {
        let (stored, published_as_of) = self.reads.run(stats::read).await?;
        let settings = effective(&self.configured, &stored);
        // If it fails, which the session logs, the stats are exact all the same, or the figures those of an older boundary.
        let step = Step::due(&settings, published_as_of, stored.as_of);
        let taken = match step {
            Some(step) => self.try_to_take(step).await,
            None => Ok(()),
        };
        let Settings { precision, timezone, .. } = settings;
        if precision == Precision::Exact {
            return Ok(stored);
        }
        let read = async |connection: &mut _| published::read(connection, precision, &timezone).await;
        let published = self.reads.run(read).await?.ok_or(taken.err().unwrap_or(Error::Unavailable))?;
        Ok(StoredStats { published: Some(published), ..stored })
    }

    /// Takes a step, unless one failed just now. Without figures there is nothing to show, so the first step never waits.
    async fn try_to_take(&self, step: Step) -> Result<(), Error> {
        let failed_at = || self.failed_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_backing_off = failed_at().is_some_and(|failed_at| failed_at.elapsed() < BACKOFF);
        if is_backing_off && step != Step::Start {
            return Ok(());
        }
        let take = async |connection: &mut _| step.take(connection).await;
        let taken = self.reads.session().run(Instant::now() + QUICK_TIMEOUT, take).await;
        *failed_at() = taken.is_err().then(Instant::now);
        taken
    }
}

/// Moves the public figures on to the last boundary where readers cannot, or where there are none: the fewer beats there
/// are since, the less it takes.
#[derive(Debug, Clone)]
pub struct Publisher {
    reads: SharedSession,
    steps: SharedSession,
    /// Settings that the configuration sets.
    configured: Choices,
}

impl Publisher {
    /// Reads through one session and takes steps, which may take long, through another. That one is closed afterwards: it
    /// is seldom needed.
    #[must_use]
    pub fn new(reads: SharedSession, steps: SharedSession, configured: Choices) -> Self {
        Self { reads, steps, configured }
    }

    /// Does what is due, until `until` at most. A failure is logged where it happens, and tried again the next time.
    pub async fn run(&self, until: Instant) {
        let Ok((stored, published_as_of)) = self.reads.run(Instant::now() + READ_TIMEOUT, stats::read).await
        else {
            return;
        };
        let settings = effective(&self.configured, &stored);
        let Some(step) = Step::due(&settings, published_as_of, stored.as_of) else { return };
        let timeout = until.saturating_duration_since(Instant::now()).saturating_sub(STATEMENT_MARGIN);
        let take = async |connection: &mut Connection| {
            published::allow(connection, timeout).await?;
            step.take(connection).await
        };
        if self.steps.run(until, take).await.is_ok() {
            tracing::info!(job = "publish", "job done");
        }
        self.steps.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).expect("in range")
    }

    #[test]
    fn figures_move_at_boundaries_alone_even_after_the_clock_was_set_back() {
        let settings = Settings { precision: Precision::Hour, ..Settings::default() };
        let due = |published_as_of: i64| Step::due(&settings, Some(at(published_as_of)), at(36_010));
        let roll = |previous| Some(Step::RollForward { previous: at(previous), boundary: at(36_000) });
        assert_eq!(due(32_400), roll(32_400));
        for kept in [36_000, 36_009, 39_600, 36_010 + 86_400] {
            assert_eq!(due(kept), None, "{kept}");
        }
        assert_eq!(due(36_011 + 86_400), roll(36_011 + 86_400));
        assert_eq!(Step::due(&settings, None, at(36_010)), Some(Step::Start));
    }

    #[test]
    fn exact_figures_need_no_copy() {
        assert_eq!(Step::due(&Settings::default(), None, at(10)), None);
        assert_eq!(Step::due(&Settings::default(), Some(at(0)), at(10)), Some(Step::Clear));
    }
}
