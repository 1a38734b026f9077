//! Jobs: work that is due because time passed.
//!
//! - [`adopt_events`]: takes over what programs of the release before left in their outbox.
//! - [`dead_letter_events`]: dead-letters events that have waited for too long.
//! - [`evaluate_alerts`]: decides what alerts tell.
//! - [`erase_beats`]: deletes the beats of erased devices.
//! - [`expire_events`]: deletes dead letters that were kept for long enough.
//! - [`expire_viewers`]: deletes viewers whose connections have been closed.
//! - [`report_late_alerts`]: tells the owner by other channels of alerts that could not be sent.
//! - [`note_devices`]: tells of devices whose beats tell less than they seem to.
//! - [`roll_up`]: reads beats once, and keeps what questions about the past need.
//!
//! A job claims its work with one statement, so that any number of processes may run it at the same time. The
//! local server ticks all jobs; on Lambda the function `minutely` runs them. Nothing else keeps timers of its own
//! for such work. What may take minutes, as [`Eraser`], [`RollUp`] and [`Publisher`](crate::publication::Publisher) may, is
//! ticked by itself, so that it keeps no other job waiting.

mod adopt_events;
mod dead_letter_events;
pub(crate) mod erase_beats;
pub mod evaluate_alerts;
mod expire_events;
mod expire_viewers;
mod note_devices;
mod report_late_alerts;
mod roll_up;

use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;

use crate::database::{Connection, SharedSession};
pub use erase_beats::Eraser;
pub use evaluate_alerts::{Evaluated, Evaluator};
pub use roll_up::RollUp;

/// Interval at which a server runs its jobs.
pub const JOBS_INTERVAL: Duration = Duration::from_secs(10);

/// Timeout of one job.
const JOB_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs all jobs.
#[derive(Debug)]
pub struct Jobs {
    session: SharedSession,
    /// Keys of the channels that the configuration names.
    configured: Vec<String>,
}

impl Jobs {
    /// Runs jobs through `session`, for a program whose configuration names the channels `configured`.
    #[must_use]
    pub fn new(session: SharedSession, configured: Vec<String>) -> Self {
        Self { session, configured }
    }

    /// Does what is due at `now`. A job that fails is logged and runs again the next time.
    pub async fn run_due(&self, now: OffsetDateTime) {
        let configured = &self.configured;
        self.run("adopt_events", async |it| adopt_events::run(it, configured).await).await;
        self.run("dead_letter_events", async |it| dead_letter_events::run(it, now).await).await;
        self.run("expire_events", async |it| expire_events::run(it, now).await).await;
        self.run("report_late_alerts", async |it| report_late_alerts::run(it, now, configured).await).await;
        self.run("expire_viewers", expire_viewers::run).await;
        self.run("note_devices", note_devices::run).await;
    }

    /// Runs one job, which returns how many rows it worked on.
    async fn run(
        &self,
        job: &'static str,
        work: impl AsyncFnOnce(&mut Connection) -> Result<u64, sqlx::Error> + Clone,
    ) {
        // The session has logged an error where it happened.
        if let Ok(rows @ 1..) = self.session.run(Instant::now() + JOB_TIMEOUT, work).await {
            tracing::info!(job, rows, "job done");
        }
    }
}
