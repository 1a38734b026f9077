//! Deletes the beats of erased devices, and then brings the records up to date.
//!
//! A few hundred milliseconds are enough for most owners, so the request that erases a device does it. The rest,
//! or all of it if that process dies, is done here.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    Error,
    database::{
        SharedSession,
        erasures::{
            self, Slice,
            records::{self, Effort},
        },
    },
};

/// Timeout of one slice.
const SLICE_TIMEOUT: Duration = Duration::from_secs(2);

/// Time for which processes may rely on a beat of a device that is erased: a second, by the database's clock, and as
/// long as a commit takes. What ends an absence within it may only be seen in `beats`.
pub(crate) const RELIANCE: Duration = Duration::from_millis(1_500);

/// Time between the timeout of a statement and that of the session, for the error to arrive.
const STATEMENT_MARGIN: Duration = Duration::from_millis(500);

/// Pages of `beats` (8 kB each), about a million beats, up to which records are brought up to date within
/// [`QUICK_TIMEOUT`].
const QUICK_PAGES_MAX: i64 = 5_000;

/// Time that a request has for slices, and again for records.
const QUICK_TIMEOUT: Duration = Duration::from_secs(2);

/// Erases beats, by itself or beside other processes.
#[derive(Debug, Clone)]
pub struct Eraser {
    slices: SharedSession,
    records: SharedSession,
}

impl Eraser {
    /// Deletes slices through one session and updates records, which may take long, through another. That one is closed
    /// afterwards: it is seldom needed.
    #[must_use]
    pub fn new(slices: SharedSession, records: SharedSession) -> Self {
        Self { slices, records }
    }

    /// Works until nothing is left, or until `until` has come. A failure is logged where it happens, and tried again the
    /// next time.
    pub async fn run(&self, until: Instant) {
        let timeout = until.saturating_duration_since(Instant::now()).saturating_sub(STATEMENT_MARGIN);
        let effort = Effort { min_age: RELIANCE, device: None, max_pages: i64::MAX, timeout };
        if let Ok(erased @ 1..) = self.work(until, until, effort).await {
            tracing::info!(job = "erase_beats", devices = erased, "job done");
        }
    }

    /// Does what takes no more than a few seconds, for a request that has erased `device` and knows that processes rely on
    /// none of its beats any more. Other erasures are finished if they are older than [`RELIANCE`]. Returns whether
    /// records were updated.
    pub(crate) async fn run_quickly(&self, device: i64) -> bool {
        let now = Instant::now();
        let timeout = QUICK_TIMEOUT.saturating_sub(STATEMENT_MARGIN);
        let effort = Effort { min_age: RELIANCE, device: Some(device), max_pages: QUICK_PAGES_MAX, timeout };
        let erased = self.work(now + QUICK_TIMEOUT, now + 2 * QUICK_TIMEOUT, effort).await;
        erased.is_ok_and(|erased| erased > 0)
    }

    /// Deletes slices until `slices_until`, then updates records until `until`. Returns how many devices are erased for
    /// good.
    async fn work(&self, slices_until: Instant, until: Instant, effort: Effort) -> Result<u64, Error> {
        loop {
            let deadline = Instant::now() + SLICE_TIMEOUT;
            match self.slices.run(deadline, erasures::delete_slice).await? {
                Slice::Done => return Ok(0),
                Slice::Searched => break,
                Slice::Deleted(_) if Instant::now() >= slices_until => return Ok(0),
                Slice::Deleted(_) => {}
            }
        }
        let update = async |connection: &mut _| records::update(connection, effort).await;
        let erased = self.records.run(until, update).await;
        self.records.close();
        erased
    }
}
