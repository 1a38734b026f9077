//! The stream of figures to WebSockets that somebody else holds, such as API Gateway: who is
//! connected, who sends to them, and the sending.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use sqlx::{PgConnection, postgres::PgConnectOptions};
use tokio::{
    sync::Mutex,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use crate::{
    Clock, Error, Heartbeat,
    database::{Session, connections, pusher},
};

/// The time from one frame to the next.
const PERIOD: Duration = Duration::from_secs(1);

/// How long a pusher that is heard of no more keeps others from taking its place. It prolongs the
/// lease before each frame.
const LEASE: Duration = Duration::from_secs(3);

/// How long all the work of one second may take. It begins with the lease and ends before that does,
/// so that nobody sends without one.
const ROUND_LIMIT: Duration = Duration::from_millis(2500);

/// Frames that are on their way at the same time.
const CONCURRENCY: usize = 64;

/// How long one statement may take.
const STATEMENT_LIMIT: Duration = Duration::from_secs(1);

/// Holds WebSockets, and takes frames for them.
pub trait Gateway {
    /// Sends a frame to one connection.
    fn post(&self, connection: &str, frame: &Bytes) -> impl Future<Output = Delivery> + Send;
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It was taken.
    Taken,
    /// The connection is no more.
    Gone,
    /// It was not taken, for a reason that may pass.
    Failed,
}

/// Why a pusher stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Nobody is connected.
    NobodyWatches,
    /// Somebody else sends.
    SomebodyElseLeads,
    /// The time it was given is up, while somebody still watches.
    TimeIsUp,
}

/// The connections, and the right to send to them, as the database knows them.
#[derive(Debug)]
pub struct Stream {
    session: Mutex<Session>,
}

impl Stream {
    /// The stream of a database, which is first contacted when it is first needed.
    #[must_use]
    pub fn new(database: PgConnectOptions, clock: Clock) -> Self {
        Self { session: Mutex::new(Session::new(database, clock)) }
    }

    /// Takes note of a new connection.
    pub async fn connect(&self, id: &str) -> Result<(), Error> {
        self.run(async |connection| connections::add(connection, id).await).await
    }

    /// Forgets connections.
    pub async fn disconnect(&self, ids: &[String]) -> Result<(), Error> {
        self.run(async |connection| connections::remove(connection, ids).await).await
    }

    /// Whether anybody sends frames.
    pub async fn is_led(&self) -> Result<bool, Error> {
        self.run(pusher::is_led).await
    }

    /// Sends the figures to all connections once a second, as long as somebody watches, nobody else
    /// sends, and `until` has not come. What fails in one second is tried again in the next. `name` tells
    /// this pusher from all others.
    pub async fn push(
        &self,
        heartbeat: &Heartbeat,
        gateway: &impl Gateway,
        clock: Clock,
        name: &str,
        until: Instant,
    ) -> Ended {
        let mut seconds = interval(PERIOD);
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            seconds.tick().await;
            if Instant::now() >= until {
                // If that fails, the lease runs out by itself.
                let _ = self.resign(name).await;
                return Ended::TimeIsUp;
            }
            // Errors are logged where they happen.
            if let Ok(Ok(Some(ended))) =
                timeout(ROUND_LIMIT, self.round(heartbeat, gateway, clock, name)).await
            {
                return ended;
            }
        }
    }

    /// The work of one second; says so if there is nothing left to do.
    async fn round(
        &self,
        heartbeat: &Heartbeat,
        gateway: &impl Gateway,
        clock: Clock,
        name: &str,
    ) -> Result<Option<Ended>, Error> {
        if !self.run(async |connection| pusher::lead(connection, name, LEASE.as_secs_f64()).await).await? {
            return Ok(Some(Ended::SomebodyElseLeads));
        }
        let connections = self.run(connections::all).await?;
        if connections.is_empty() {
            self.resign(name).await?;
            // Whoever connected just before that took us for the one who sends.
            let nobody = self.run(connections::all).await?.is_empty();
            return Ok(nobody.then_some(Ended::NobodyWatches));
        }
        let frame = heartbeat.snapshot(clock()).await?.json.clone();
        self.send(gateway, connections, &frame).await?;
        Ok(None)
    }

    async fn resign(&self, name: &str) -> Result<(), Error> {
        self.run(async |connection| pusher::resign(connection, name).await).await
    }

    /// Sends one frame to `connections`, and forgets those that are no more.
    async fn send(
        &self,
        gateway: &impl Gateway,
        connections: Vec<String>,
        frame: &Bytes,
    ) -> Result<(), Error> {
        let posts = connections.into_iter().map(async |id| (gateway.post(&id, frame).await, id));
        let posted = stream::iter(posts).buffer_unordered(CONCURRENCY);
        let gone = posted.filter_map(async |(delivery, id)| (delivery == Delivery::Gone).then_some(id));
        let gone: Vec<String> = gone.collect().await;
        if gone.is_empty() { Ok(()) } else { self.disconnect(&gone).await }
    }

    async fn run<T>(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error> + Clone,
    ) -> Result<T, Error> {
        self.session.lock().await.run(Instant::now() + STATEMENT_LIMIT, work).await
    }
}
