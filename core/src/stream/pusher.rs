//! Sends frames to the viewers at API Gateway.

use std::{pin::pin, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::{
    GatewayStream,
    audience::Audience,
    delivery::{Gateway, POST_TIMEOUT},
    frames::{FRAME_INTERVAL, LastFrame, Versions},
};
use crate::{Clock, Error, Heartbeat};

/// Timeout of the lease on pushing: a pusher that died keeps others from taking its place as long. A pusher
/// renews it before each frame.
const LEASE_TIMEOUT: Duration = Duration::from_secs(3);

/// Timeout of a frame, up to its last post. It begins with the lease and ends before that does, so that no pusher sends
/// without one.
const FRAME_TIMEOUT: Duration = Duration::from_millis(2500);

/// Posts in flight at the same time.
const POST_CONCURRENCY: usize = 64;

/// Time from the first post of a frame until which viewers are tried to which the last post failed, but for the first
/// [`POST_CONCURRENCY`] of them. Should all these posts hang, they end before the next frame is due.
const RETRY_WINDOW: Duration = FRAME_INTERVAL.saturating_sub(POST_TIMEOUT);

/// Age up to which a connection may not be open yet: API Gateway opens it after `$connect` has answered, and the timeout
/// of that function is ten seconds.
const OPENING_TIMEOUT: Duration = Duration::from_secs(10);

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

/// Pushes the stats to the viewers at API Gateway, as long as it holds the lease.
#[derive(Debug)]
pub struct Pusher<'a, G> {
    stream: &'a GatewayStream,
    heartbeat: &'a Heartbeat,
    gateway: &'a G,
    clock: Clock,
    holder: &'a str,
    audience: Audience,
    versions: Versions,
}

impl<'a, G: Gateway> Pusher<'a, G> {
    /// Returns a pusher that knows no viewers yet. `holder` is its unique name.
    #[must_use]
    pub fn new(
        stream: &'a GatewayStream,
        heartbeat: &'a Heartbeat,
        gateway: &'a G,
        clock: Clock,
        holder: &'a str,
    ) -> Self {
        let (audience, versions) = (Audience::default(), Versions::default());
        Self { stream, heartbeat, gateway, clock, holder, audience, versions }
    }

    /// Pushes a frame each second, to those viewers that want it, as long as there are viewers, no other pusher holds the
    /// lease, and `until` has not come. What fails in one second is retried in the next.
    pub async fn run(mut self, until: Instant) -> Ended {
        let mut seconds = interval(FRAME_INTERVAL);
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let due = seconds.tick().await;
            if Instant::now() >= until {
                // If that fails, the lease runs out by itself.
                let _ = self.stream.release(self.holder).await;
                return Ended::TimedOut;
            }
            // Errors are logged where they happen.
            if let Ok(Some(ended)) = self.push_frame(due).await {
                return ended;
            }
        }
    }

    /// Pushes the frame that is `due`. Returns why to stop, if there is a reason.
    async fn push_frame(&mut self, due: Instant) -> Result<Option<Ended>, Error> {
        let began_at = Instant::now();
        let deadline = began_at + FRAME_TIMEOUT;
        let Some(viewers) = self.stream.claim(self.holder, LEASE_TIMEOUT, OPENING_TIMEOUT).await? else {
            return Ok(Some(Ended::LeaseHeld));
        };
        if viewers.is_empty() {
            self.stream.release(self.holder).await?;
            // A viewer that connected just before that found the lease held, and started no pusher.
            let is_needed = self.stream.needs_pusher().await?;
            return Ok((!is_needed).then_some(Ended::NoViewers));
        }
        self.audience.update(viewers);
        let snapshot = timeout_at(deadline, self.heartbeat.snapshot((self.clock)()));
        let snapshot = snapshot.await.map_err(|_| Error::Unavailable)??;
        let frame = LastFrame { version: self.versions.number(&snapshot), sent_at: due };
        let gone = self.post(&snapshot.json, frame, deadline).await;
        if !gone.is_empty() {
            self.stream.remove(&gone).await?;
        }
        Ok(None)
    }

    /// Posts a frame to the viewers that it is due for. Returns the connections that were closed.
    async fn post(&mut self, json: &Bytes, frame: LastFrame, deadline: Instant) -> Vec<String> {
        let (gateway, began_at) = (self.gateway, Instant::now());
        let due = self.audience.due(frame);
        let certain = due.healthy + POST_CONCURRENCY;
        // Posts that hang take time from all others, so only some are made to where the last one failed.
        let posts = (0..)
            .zip(due.ids)
            .take_while(|(place, _)| *place < certain || began_at.elapsed() < RETRY_WINDOW)
            .map(async |(_, id)| (gateway.post(&id, json).await, id));
        let mut posted = pin!(stream::iter(posts).buffer_unordered(POST_CONCURRENCY));
        let mut gone = Vec::new();
        while Instant::now() < deadline
            && let Ok(Some((delivery, id))) = timeout_at(deadline, posted.next()).await
        {
            if self.audience.settle(&id, delivery, frame) {
                gone.push(id);
            }
        }
        gone
    }
}
