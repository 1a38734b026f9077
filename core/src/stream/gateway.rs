//! The viewers at API Gateway, as the database knows them.

use std::{net::IpAddr, time::Duration};

use tokio::time::Instant;

use super::{Places, frames::Frames};
use crate::{
    Error,
    database::{
        Connection, SharedSession, pusher,
        viewers::{self, NewViewer, StoredViewer},
    },
};

/// Timeout of one statement. That of reads is the same: a session that does both sets the database's own timeout once.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(2);

/// The stream's connections at API Gateway, and the lease on pushing to them, as the database knows them.
#[derive(Debug)]
pub struct GatewayStream {
    session: SharedSession,
}

impl GatewayStream {
    /// Returns the stream of a database.
    #[must_use]
    pub fn new(session: SharedSession) -> Self {
        Self { session }
    }

    /// Registers a viewer of `client`, if that is known, unless all `places` are taken, or all that one client may have;
    /// changes the `frames` of a viewer that is registered, if it asks for some. Returns whether it has a place.
    pub async fn register(
        &self,
        places: &Places,
        id: &str,
        client: Option<IpAddr>,
        frames: Option<Frames>,
    ) -> Result<bool, Error> {
        let client = client.map(|client| places.client_number(client));
        let viewer = NewViewer { id, client, only_changes: frames.map(|frames| frames == Frames::Changes) };
        let (max, max_per_client) = (places.max, places.max_per_client);
        self.run(async |connection| viewers::register(connection, viewer, max, max_per_client).await).await
    }

    /// Removes connections that were closed.
    pub async fn remove(&self, ids: &[String]) -> Result<(), Error> {
        self.run(async |connection| viewers::remove(connection, ids).await).await
    }

    /// Whether a pusher must be started: there are viewers, and no pusher has the lease.
    pub async fn needs_pusher(&self) -> Result<bool, Error> {
        self.run(pusher::is_needed).await
    }

    /// Takes the lease for `holder`, or renews it, for as long as `lease`. Returns the viewers; `None` if another pusher
    /// holds the lease. Connections that are younger than `opening` may not be open yet.
    pub(super) async fn claim(
        &self,
        holder: &str,
        lease: Duration,
        opening: Duration,
    ) -> Result<Option<Vec<StoredViewer>>, Error> {
        let (lease, opening) = (lease.as_secs_f64(), opening.as_secs_f64());
        self.run(async |connection| pusher::claim(connection, holder, lease, opening).await).await
    }

    /// Gives the lease of `holder` back.
    pub(super) async fn release(&self, holder: &str) -> Result<(), Error> {
        self.run(async |connection| pusher::release(connection, holder).await).await
    }

    async fn run<T>(
        &self,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, sqlx::Error> + Clone,
    ) -> Result<T, Error> {
        self.session.run(Instant::now() + STATEMENT_TIMEOUT, work).await
    }
}
