//! The dispatcher: takes events from the outbox and sends them through channels. Each channel's events are
//! delivered in order and at least once, however many dispatchers there are; channels do not wait for each
//! other's order.

use std::{pin::pin, time::Duration};

use futures_util::future::join_all;
use serde_json::Value;
use sqlx::PgConnection;
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout},
};

use super::{
    channel::Outcome,
    channels::{Channels, KeyedChannel},
    event::{Event, EventDevice, EventKind},
    http::{Http, SEND_TIMEOUT},
};
use crate::{
    Clock, Error, Heartbeat,
    database::{SharedSession, channels::all, outbox},
};

/// Timeout of the lease on a channel: longer than an attempt and recording its outcome, so that no other
/// dispatcher delivers meanwhile; no longer than needed, for that is how long a process that died holds up the
/// others.
const LEASE_TIMEOUT: Duration = Duration::from_secs(30);

/// Timeout of one statement.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(2);

/// The backoff after failed attempts, which doubles from the first to the second of these.
const BACKOFF_MIN: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_mins(10);

/// The longest delay that a service may ask for.
const SERVICE_DELAY_MAX: Duration = Duration::from_hours(1);

/// Delay after a service has said that it takes nothing any more. It is not to be pestered.
const GONE_DELAY: Duration = Duration::from_mins(1);

/// Events older than this are dead-lettered after a failed attempt.
const EVENT_MAX_AGE: Duration = Duration::from_hours(24);

/// Poll interval for events written by other processes, and events that these could not deliver.
const POLL_INTERVAL: Duration = Duration::from_secs(10);

/// The same while events wait for some channel: an event for another one is not noticed any sooner, as waking up
/// for each event would keep the database busy while a service is down.
const BUSY_POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Delay before a channel is looked at again whose lease another dispatcher holds.
const LEASE_RETRY_DELAY: Duration = Duration::from_secs(1);

/// Retries of recording an outcome. While the lease lasts no other dispatcher sends the same events again, so
/// this is worth a few.
const RECORD_ATTEMPTS: u32 = 3;

/// The next step after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    /// Events wait, and may be delivered after this delay.
    After(Duration),
    /// Nothing waits.
    Idle,
}

impl Next {
    fn poll_delay(self) -> Duration {
        match self {
            Self::After(delay) => delay.min(BUSY_POLL_INTERVAL),
            Self::Idle => POLL_INTERVAL,
        }
    }
}

/// Dependencies of a dispatcher.
#[derive(Debug)]
pub struct Setup {
    /// The channels of the configuration and of the database.
    pub channels: Mutex<Channels>,
    /// The database session for the outbox.
    pub session: SharedSession,
    /// Tells the present time.
    pub clock: Clock,
    /// Unique name of this dispatcher, for leases.
    pub holder: String,
    /// Returns a random number from 0 to 1.
    pub random: fn() -> f64,
}

/// Delivers what waits in the outbox.
#[derive(Debug)]
pub struct Dispatcher {
    setup: Setup,
    http: Http,
}

impl Dispatcher {
    /// Returns a dispatcher. The database is first contacted when it is first needed.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        Self { setup, http: Http::default() }
    }

    /// Delivers until `until` has come or nothing is left that is due. For Lambda, where a process is there only
    /// while it is needed.
    pub async fn dispatch_until(&self, until: Instant) {
        while let Ok(Next::After(delay)) = self.dispatch_due().await {
            if Instant::now() + delay + SEND_TIMEOUT > until {
                return;
            }
            sleep(delay).await;
        }
    }

    /// Delivers until `stop` is ready: events that `heartbeat` puts into the outbox at once, those of other
    /// processes within the poll interval.
    pub async fn run(&self, heartbeat: &Heartbeat, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            // Errors are logged where they happen.
            let next = self.dispatch_due().await.unwrap_or(Next::Idle);
            tokio::select! {
                () = sleep(next.poll_delay()) => {}
                () = heartbeat.queued_events(), if next == Next::Idle => {}
                () = &mut stop => return,
            }
        }
    }

    /// Makes one delivery to each channel that one is due for.
    async fn dispatch_due(&self) -> Result<Next, Error> {
        let rows = self.query(all).await?;
        let channels = self.setup.channels.lock().await.current(rows);
        let keys: Vec<String> = channels.iter().map(|it| it.key.clone()).collect();
        let kinds = EventKind::NAMES.map(str::to_owned);
        let due = self.query(async |connection| outbox::due(connection, &keys, &kinds).await).await?;
        let deliveries = due.iter().filter_map(|due| {
            let channel = channels.iter().find(|it| it.key == due.channel)?;
            Some(self.deliver_if_due(channel, due.seconds))
        });
        let mut next = Next::Idle;
        for delivered in join_all(deliveries).await {
            next = next.min(delivered?);
        }
        Ok(next)
    }

    async fn deliver_if_due(&self, channel: &KeyedChannel, seconds: f64) -> Result<Next, Error> {
        if seconds > 0.0 {
            return Ok(Next::After(Duration::from_secs_f64(seconds).min(SERVICE_DELAY_MAX)));
        }
        let (key, holder) = (&channel.key, &self.setup.holder);
        let lease = LEASE_TIMEOUT.as_secs_f64();
        let claimed =
            self.query(async |connection| outbox::claim(connection, key, holder, lease).await).await?;
        let Some(attempts) = claimed else { return Ok(Next::After(LEASE_RETRY_DELAY)) };
        let events = self.events(channel).await?;
        let next = if events.is_empty() {
            Next::Idle
        } else {
            Next::After(self.deliver(channel, &events, attempts).await?)
        };
        self.query(async |connection| outbox::release(connection, key, holder).await).await?;
        Ok(next)
    }

    /// The first events that wait for a channel, as many as one message holds.
    async fn events(&self, channel: &KeyedChannel) -> Result<Vec<Event>, Error> {
        let limit = i64::try_from(channel.channel.max_events()).unwrap_or(i64::MAX);
        let kinds = EventKind::NAMES.map(str::to_owned);
        let rows = self
            .query(async |connection| outbox::first(connection, &channel.key, &kinds, limit).await)
            .await?;
        Ok(rows.into_iter().filter_map(event).collect())
    }

    /// Sends some events, and records what became of them. Returns the delay before the next delivery.
    async fn deliver(
        &self,
        channel: &KeyedChannel,
        events: &[Event],
        attempts: i32,
    ) -> Result<Duration, Error> {
        let key = &channel.key;
        match self.send(channel, events).await {
            Outcome::Delivered(delay) => {
                let delay = delay.min(SERVICE_DELAY_MAX);
                let ids = ids(events);
                self.record(async |connection| outbox::ack(connection, key, &ids, delay.as_secs_f64()).await)
                    .await?;
                Ok(delay)
            }
            Outcome::RetryLater { reason, retry_after } => {
                let delay =
                    retry_after.map_or_else(|| self.backoff(attempts), |it| it.min(SERVICE_DELAY_MAX));
                tracing::warn!(
                    channel = %key, attempts = attempts + 1, %reason, retry_after = ?delay, "delivery failed"
                );
                self.retry_later(key, delay).await?;
                Ok(delay)
            }
            Outcome::Refused(reason) if events.len() == 1 => {
                self.dead_letter(key, events, &reason, Duration::ZERO).await
            }
            Outcome::Gone(reason) => self.dead_letter(key, events, &reason, GONE_DELAY).await,
            // One of them spoils the rest: find out which.
            Outcome::Refused(_) => Box::pin(self.deliver(channel, &events[..1], attempts)).await,
        }
    }

    async fn send(&self, channel: &KeyedChannel, events: &[Event]) -> Outcome {
        let message = channel.channel.message(events, (self.setup.clock)());
        let late = Outcome::RetryLater { reason: "no answer in time".to_owned(), retry_after: None };
        timeout(SEND_TIMEOUT, self.http.send(message)).await.unwrap_or(late)
    }

    async fn dead_letter(
        &self,
        key: &str,
        events: &[Event],
        reason: &str,
        delay: Duration,
    ) -> Result<Duration, Error> {
        tracing::error!(channel = %key, events = events.len(), %reason, "events dead-lettered");
        let ids = ids(events);
        self.record(async |connection| outbox::dead_letter(connection, key, &ids, delay.as_secs_f64()).await)
            .await?;
        Ok(delay)
    }

    async fn retry_later(&self, key: &str, delay: Duration) -> Result<(), Error> {
        let (delay, max_age) = (delay.as_secs_f64(), EVENT_MAX_AGE.as_secs_f64());
        let dead =
            self.query(async |connection| outbox::retry_later(connection, key, delay, max_age).await).await?;
        if dead > 0 {
            let hours = EVENT_MAX_AGE.as_secs() / 3600;
            tracing::error!(channel = %key, events = dead, reason = %format!("older than {hours} hours"), "events dead-lettered");
        }
        Ok(())
    }

    /// The backoff after this many failed attempts and one more: doubled each time, and shortened by up to a
    /// half at random, so that processes that failed together do not all come back together.
    fn backoff(&self, attempts: i32) -> Duration {
        let doubled = BACKOFF_MIN.saturating_mul(2_u32.saturating_pow(attempts.max(0).cast_unsigned()));
        doubled.min(BACKOFF_MAX).mul_f64(0.5 + (self.setup.random)() / 2.0)
    }

    /// Records an outcome, with a few retries.
    async fn record(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<(), sqlx::Error> + Clone,
    ) -> Result<(), Error> {
        let mut result = Err(Error::Unavailable);
        for _ in 0..RECORD_ATTEMPTS {
            result = self.query(work.clone()).await;
            if result.is_ok() {
                break;
            }
        }
        result
    }

    async fn query<T>(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error> + Clone,
    ) -> Result<T, Error> {
        self.setup.session.run(Instant::now() + STATEMENT_TIMEOUT, work).await
    }
}

fn ids(events: &[Event]) -> Vec<i64> {
    events.iter().map(|event| event.id).collect()
}

/// Reads an event; `None` if its kind or its payload is one of a newer program's.
fn event(row: outbox::Row) -> Option<Event> {
    let kind = EventKind::parse(&row.kind, &row.payload)?;
    let id = row.payload.get("device").and_then(Value::as_i64);
    let device = id.map(|id| EventDevice { id, name: row.device_name });
    Some(Event { id: row.id, kind, device, happened_at: row.happened_at })
}
