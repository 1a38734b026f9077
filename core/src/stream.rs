//! The stream of figures to WebSockets that somebody else holds, such as API Gateway: who is
//! connected, who sends to them, and the sending.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use sqlx::{PgConnection, postgres::PgConnectOptions};
use time::OffsetDateTime;
use tokio::{
    sync::Mutex,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use crate::{
    Error, Heartbeat,
    database::{Session, connections, pusher},
};

/// The time from one frame to the next.
const PERIOD: Duration = Duration::from_secs(1);

/// How long a pusher that is heard of no more keeps others from taking its place. It prolongs the
/// lease with each frame; two may fail.
const LEASE: Duration = Duration::from_secs(3);

/// How long the frames of one second may take to be taken. With the rest of a round it stays below
/// the [`LEASE`], so that a pusher never sends without one.
const ROUND_LIMIT: Duration = Duration::from_millis(1500);

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
    pub fn new(database: PgConnectOptions) -> Self {
        Self { session: Mutex::new(Session::new(database)) }
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
    /// sends, and `until` has not come. `name` tells this pusher from all others.
    pub async fn push(
        &self,
        heartbeat: &Heartbeat,
        gateway: &impl Gateway,
        clock: fn() -> OffsetDateTime,
        name: &str,
        until: Instant,
    ) -> Result<Ended, Error> {
        let mut seconds = interval(PERIOD);
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            seconds.tick().await;
            if !self.run(async |it| pusher::lead(it, name, LEASE.as_secs_f64()).await).await? {
                return Ok(Ended::SomebodyElseLeads);
            }
            let connections = self.run(connections::all).await?;
            let ended = match connections.is_empty() {
                true => Ended::NobodyWatches,
                false if Instant::now() >= until => Ended::TimeIsUp,
                false => {
                    let frame = heartbeat.snapshot(clock()).await?.json.clone();
                    self.send(gateway, connections, &frame).await?;
                    continue;
                }
            };
            self.run(async |connection| pusher::resign(connection, name).await).await?;
            return Ok(ended);
        }
    }

    /// Sends one frame to `connections`, and forgets those that are no more.
    async fn send(
        &self,
        gateway: &impl Gateway,
        connections: Vec<String>,
        frame: &Bytes,
    ) -> Result<(), Error> {
        let gone = Arc::new(std::sync::Mutex::new(Vec::new()));
        let posts = stream::iter(connections).for_each_concurrent(CONCURRENCY, |id| {
            let gone = Arc::clone(&gone);
            async move {
                if gateway.post(&id, frame).await == Delivery::Gone {
                    gone.lock().expect("nobody panics with it").push(id);
                }
            }
        });
        if timeout(ROUND_LIMIT, posts).await.is_err() {
            tracing::warn!("some viewers were too slow, and miss a frame");
        }
        let gone = std::mem::take(&mut *gone.lock().expect("nobody panics with it"));
        if gone.is_empty() { Ok(()) } else { self.disconnect(&gone).await }
    }

    async fn run<T>(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, Error> {
        self.session.lock().await.run(Instant::now() + STATEMENT_LIMIT, work).await
    }
}
