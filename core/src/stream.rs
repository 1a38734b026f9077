//! The stats stream to WebSockets that API Gateway holds: the registry of connections, the lease on pushing,
//! and the pushing itself.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::{
    Clock, Error, Heartbeat,
    database::{Connection, SharedSession, connections, pusher},
};

/// Time from one frame to the next.
const FRAME_INTERVAL: Duration = Duration::from_secs(1);

/// Timeout of the lease on pushing: a pusher that died keeps others from taking its place as long. A pusher
/// renews it before each frame.
const LEASE_TIMEOUT: Duration = Duration::from_secs(3);

/// Timeout of all the work for one frame. It begins with the lease and ends before that does, so that no pusher
/// sends without one.
const FRAME_TIMEOUT: Duration = Duration::from_millis(2500);

/// Frames in flight at the same time.
const POST_CONCURRENCY: usize = 64;

/// Timeout of one statement.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(1);

/// Holds WebSockets, and sends frames to them.
pub trait Gateway {
    /// Sends a frame to one connection.
    fn post(&self, connection: &str, frame: &Bytes) -> impl Future<Output = Delivery> + Send;
}

/// Outcome of sending a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It was taken.
    Taken,
    /// The connection was closed.
    Gone,
    /// It was not taken, for a reason that may pass.
    Failed,
}

/// Reasons for which a pusher stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// There are no viewers.
    NoViewers,
    /// Another pusher holds the lease.
    LeaseHeld,
    /// Its time is up, while there are viewers.
    TimedOut,
}

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

    /// Registers a new connection.
    pub async fn connect(&self, id: &str) -> Result<(), Error> {
        self.run(async |connection| connections::add(connection, id).await).await
    }

    /// Removes connections that were closed.
    pub async fn disconnect(&self, ids: &[String]) -> Result<(), Error> {
        self.run(async |connection| connections::remove(connection, ids).await).await
    }

    /// Whether a pusher holds the lease.
    pub async fn is_pushed(&self) -> Result<bool, Error> {
        self.run(pusher::is_held).await
    }

    /// Pushes the stats to all connections once a second, as long as there are viewers, no other pusher holds the
    /// lease, and `until` has not come. What fails in one second is retried in the next. `holder` is the unique
    /// name of this pusher.
    pub async fn push(
        &self,
        heartbeat: &Heartbeat,
        gateway: &impl Gateway,
        clock: Clock,
        holder: &str,
        until: Instant,
    ) -> Ended {
        let mut seconds = interval(FRAME_INTERVAL);
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            seconds.tick().await;
            if Instant::now() >= until {
                // If that fails, the lease runs out by itself.
                let _ = self.release(holder).await;
                return Ended::TimedOut;
            }
            // Errors are logged where they happen.
            if let Ok(Ok(Some(ended))) =
                timeout(FRAME_TIMEOUT, self.push_frame(heartbeat, gateway, clock, holder)).await
            {
                return ended;
            }
        }
    }

    /// Pushes one frame. Returns why to stop, if there is a reason.
    async fn push_frame(
        &self,
        heartbeat: &Heartbeat,
        gateway: &impl Gateway,
        clock: Clock,
        holder: &str,
    ) -> Result<Option<Ended>, Error> {
        let lease = LEASE_TIMEOUT.as_secs_f64();
        if !self.run(async |connection| pusher::claim(connection, holder, lease).await).await? {
            return Ok(Some(Ended::LeaseHeld));
        }
        let connections = self.run(connections::all).await?;
        if connections.is_empty() {
            self.release(holder).await?;
            // A viewer that connected just before that found the lease held, and started no pusher.
            let empty = self.run(connections::all).await?.is_empty();
            return Ok(empty.then_some(Ended::NoViewers));
        }
        let frame = heartbeat.snapshot(clock()).await?.json.clone();
        self.send(gateway, connections, &frame).await?;
        Ok(None)
    }

    async fn release(&self, holder: &str) -> Result<(), Error> {
        self.run(async |connection| pusher::release(connection, holder).await).await
    }

    /// Sends one frame to `connections`, and removes those that were closed.
    async fn send(
        &self,
        gateway: &impl Gateway,
        connections: Vec<String>,
        frame: &Bytes,
    ) -> Result<(), Error> {
        let posts = connections.into_iter().map(async |id| (gateway.post(&id, frame).await, id));
        let posted = stream::iter(posts).buffer_unordered(POST_CONCURRENCY);
        let gone = posted.filter_map(async |(delivery, id)| (delivery == Delivery::Gone).then_some(id));
        let gone: Vec<String> = gone.collect().await;
        if gone.is_empty() { Ok(()) } else { self.disconnect(&gone).await }
    }

    async fn run<T>(
        &self,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, sqlx::Error> + Clone,
    ) -> Result<T, Error> {
        self.session.run(Instant::now() + STATEMENT_TIMEOUT, work).await
    }
}
