//! Times at which the service could hear no beat, which timelines mark: an absence then says nothing.

use std::{net::IpAddr, sync::Arc};

use time::Duration;

use super::{Heartbeat, recent::Recent};
use crate::{Error, alert::past::Period, database::past};

/// Outages of the last days in memory, by how far they look back.
pub(super) type RecentOutages = Recent<Duration, Arc<[Period]>>;

impl Heartbeat {
    /// Returns the outages that had not ended `lookback` ago, in their order, for a `client`: as they were ten seconds ago or later.
    pub async fn outages(&self, lookback: Duration, client: Option<IpAddr>) -> Result<Arc<[Period]>, Error> {
        let now = self.moment();
        let read = async {
            let since = self.cache.database_time(now.time) - lookback;
            let read = async |connection: &mut _| past::outages(connection, since).await;
            Ok(self.history.run(read).await?.into())
        };
        self.recent_outages.get(lookback, now, client, |_| true, read).await
    }
}
