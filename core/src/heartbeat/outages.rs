//! Times at which the service could hear no beat, which timelines mark: an absence then says nothing.

use std::sync::{Arc, Mutex, PoisonError};

use time::{Duration, OffsetDateTime};

use super::Heartbeat;
use crate::{Error, alert::past::Period, database::past};

/// Age up to which outages in memory are shown.
const MAX_AGE: Duration = Duration::seconds(10);

/// Outages of the last days, and when they were read.
#[derive(Debug, Default)]
pub(super) struct RecentOutages(Mutex<Option<(OffsetDateTime, Arc<[Period]>)>>);

impl Heartbeat {
    /// Returns the outages that had not ended `lookback` ago, in their order: as they were ten seconds ago or later. All callers
    /// ask with the same `lookback`.
    pub async fn outages(&self, lookback: Duration) -> Result<Arc<[Period]>, Error> {
        let now = (self.clock)();
        if let Some(known) = self.recent_outages.get(now) {
            return Ok(known);
        }
        let since = self.cache.database_time(now) - lookback;
        let read = async |connection: &mut _| past::outages(connection, since).await;
        let outages: Arc<[Period]> = self.reads.run(read).await?.into();
        self.recent_outages.set(now, Arc::clone(&outages));
        Ok(outages)
    }
}

impl RecentOutages {
    fn get(&self, now: OffsetDateTime) -> Option<Arc<[Period]>> {
        // Nothing panics while it holds the lock.
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, outages) =
            known.as_ref().filter(|(read_at, _)| (Duration::ZERO..MAX_AGE).contains(&(now - *read_at)))?;
        Some(Arc::clone(outages))
    }

    fn set(&self, now: OffsetDateTime, outages: Arc<[Period]>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, outages));
    }
}
