//! A delivery: what a dispatcher does between claiming the lease on a channel and giving it back.

use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::{Instant, timeout};

use super::{
    channel::Outcome,
    channels::KeyedChannel,
    event::{Event, EventDevice, EventKind},
    http::{Http, SEND_TIMEOUT},
    setup::Setup,
    wording::Reader,
};
use crate::{
    Error,
    channel::Audience,
    database::{Connection, channels, dispatch_leases, outbox},
    settings::Settings,
};

/// Timeout of the lease on a channel. It outlasts a delivery, so that no other dispatcher delivers meanwhile; not by
/// much, for that is how long a process that died holds up the others.
const LEASE_TIMEOUT: Duration = Duration::from_secs(30);

/// Timeout of one statement.
pub(super) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(2);

/// Attempts to record an outcome. While the lease lasts no other dispatcher sends the same events again, so this is
/// worth a few.
const RECORD_ATTEMPTS: u64 = 3;

/// The longest that a delivery takes: the lease is claimed, events are read, a message is sent, and the outcome is
/// recorded. Before another message is sent the lease is claimed again.
pub(super) const DELIVERY_TIMEOUT: Duration =
    Duration::from_secs(SEND_TIMEOUT.as_secs() + (2 + RECORD_ATTEMPTS) * STATEMENT_TIMEOUT.as_secs());

const _: () = assert!(
    LEASE_TIMEOUT.as_secs() > DELIVERY_TIMEOUT.as_secs(),
    "another dispatcher would deliver what this one still delivers"
);

/// The backoff after failed attempts, which doubles from the first to the second of these.
const BACKOFF_MIN: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_mins(10);

/// The backoff after attempts that were denied: Discord bans an IP address that makes 10,000 of these in 10 minutes.
const DENIED_BACKOFF_MIN: Duration = Duration::from_mins(20);
const DENIED_BACKOFF_MAX: Duration = Duration::from_hours(1);

/// The longest delay that a service may ask for.
pub(super) const SERVICE_DELAY_MAX: Duration = Duration::from_hours(1);

/// The longest delay until a service takes more than its quota of a day.
pub(super) const QUOTA_DELAY_MAX: Duration = Duration::from_hours(25);

/// Delay before a channel is looked at again whose lease another dispatcher holds, or about which the database gave
/// no answer.
const LEASE_RETRY_DELAY: Duration = Duration::from_secs(1);

/// A delivery to a channel, which events may be waiting for.
#[derive(Debug)]
pub(super) struct Delivery<'a> {
    pub(super) setup: &'a Setup,
    pub(super) http: &'a Http,
    pub(super) channel: &'a KeyedChannel,
    pub(super) settings: &'a Settings,
}

impl Delivery<'_> {
    /// Claims the lease, delivers as many events as one message holds, and gives the lease back. Returns the delay
    /// before the next delivery, or `None` if no events wait. Errors are logged where they happen; they concern no
    /// other channel.
    pub(super) async fn run(&self) -> Option<Duration> {
        let Ok(Some(attempts)) = self.claim().await else { return Some(LEASE_RETRY_DELAY) };
        let delay = match self.first().await {
            Ok(rows) => match self.deliver_rows(&rows, attempts).await {
                Ok(delay) => delay,
                // The lease is left to run out: what was sent, and could not be recorded as that, is not to be
                // sent again and again.
                Err(_) => return Some(LEASE_RETRY_DELAY),
            },
            Err(_) => Some(LEASE_RETRY_DELAY),
        };
        let (key, holder) = (&self.channel.key, &self.setup.holder);
        // Without an answer of the database, the lease ends by itself.
        let _ = self.query(async |it| dispatch_leases::release(it, key, holder).await).await;
        delay
    }

    /// Reads an event of a known kind, as the reader of the channel may see it; `None` if its time or its payload makes no
    /// sense.
    fn event(&self, row: &outbox::Row) -> Option<Event> {
        let kind = EventKind::parse(&row.kind, &row.payload)?;
        let id = row.payload.get("device").and_then(Value::as_i64);
        let device =
            id.map(|id| EventDevice { id, name: row.device_name.clone(), is_public: row.device_is_public });
        let event = Event { id: row.id, kind, device, happened_at: row.happened_at? };
        Some(match self.channel.audience {
            Audience::Owner => event,
            Audience::Friend => event.for_strangers(self.settings),
        })
    }

    async fn claim(&self) -> Result<Option<i32>, Error> {
        let (channel, holder, seconds) = (self.channel, &self.setup.holder, LEASE_TIMEOUT.as_secs_f64());
        let (key, settings) = (&channel.key, &channel.settings_hash);
        self.query(async |it| dispatch_leases::claim(it, key, settings, holder, seconds).await).await
    }

    /// The first events that wait, as many as one message holds.
    async fn first(&self) -> Result<Vec<outbox::Row>, Error> {
        let limit = i64::try_from(self.channel.channel.max_events()).unwrap_or(i64::MAX);
        let (key, kinds) = (&self.channel.key, EventKind::NAMES.map(str::to_owned));
        self.query(async |it| outbox::first(it, key, &kinds, limit).await).await
    }

    async fn deliver_rows(&self, rows: &[outbox::Row], attempts: i32) -> Result<Option<Duration>, Error> {
        let event = |row| self.event(row);
        let unreadable: Vec<i64> = rows.iter().filter(|row| event(row).is_none()).map(|row| row.id).collect();
        if !unreadable.is_empty() {
            return self.dead_letter(&unreadable, "unreadable").await.map(Some);
        }
        let events: Vec<Event> = rows.iter().filter_map(event).collect();
        if events.is_empty() { Ok(None) } else { self.deliver(&events, attempts).await.map(Some) }
    }

    /// Sends some events, and records what became of them. Returns the delay before the next delivery.
    async fn deliver(&self, events: &[Event], attempts: i32) -> Result<Duration, Error> {
        match self.send(events).await {
            Outcome::Delivered(delay) => self.ack(&ids(events), delay.min(SERVICE_DELAY_MAX)).await,
            Outcome::RetryLater { reason, retry_after } => {
                let backoff = || self.backoff(BACKOFF_MIN, BACKOFF_MAX, attempts);
                let delay =
                    retry_after.map_or_else(backoff, |delay| delay.clamp(BACKOFF_MIN, SERVICE_DELAY_MAX));
                self.retry_later(attempts, &reason, delay).await
            }
            Outcome::OutOfQuota { reason, retry_after } => {
                self.retry_later(attempts, &reason, retry_after.clamp(BACKOFF_MIN, QUOTA_DELAY_MAX)).await
            }
            Outcome::Moved(settings) => self.move_to(&settings).await,
            Outcome::Denied(reason) => {
                let delay = self.backoff(DENIED_BACKOFF_MIN, DENIED_BACKOFF_MAX, attempts);
                self.retry_later(attempts, &reason, delay).await
            }
            Outcome::Refused(reason) if events.len() == 1 => self.dead_letter(&ids(events), &reason).await,
            // One of them spoils the rest: find out which.
            Outcome::Refused(_) => match self.claim().await? {
                Some(attempts) => Box::pin(self.deliver(&events[..1], attempts)).await,
                None => Ok(self.lease_lost()),
            },
            Outcome::Gone(reason) => self.disable(&reason).await,
        }
    }

    async fn send(&self, events: &[Event]) -> Outcome {
        let reader = Reader {
            channel: self.channel.id,
            audience: self.channel.audience,
            is_confirmed: self.channel.is_confirmed,
            now: (self.setup.clock)(),
            timezone: &self.settings.timezone,
            site: &self.setup.site,
        };
        let late = Outcome::RetryLater { reason: "no answer in time".to_owned(), retry_after: None };
        let attempt = self.channel.channel.send(events, &reader, self.http);
        let outcome = timeout(SEND_TIMEOUT, attempt).await.unwrap_or(late);
        let (metrics, key) = (&self.setup.metrics, &self.channel.key);
        metrics.notification_attempts.with_label_values(&[key]).inc();
        if !matches!(outcome, Outcome::Delivered(_)) {
            metrics.notification_failures.with_label_values(&[key]).inc();
        }
        outcome
    }

    async fn ack(&self, events: &[i64], delay: Duration) -> Result<Duration, Error> {
        let (key, holder, seconds) = (&self.channel.key, &self.setup.holder, delay.as_secs_f64());
        let held = self.record(async |it| outbox::ack(it, key, holder, events, seconds).await).await?;
        Ok(if held { delay } else { self.lease_lost() })
    }

    async fn retry_later(&self, attempts: i32, reason: &str, delay: Duration) -> Result<Duration, Error> {
        let (key, holder, seconds) = (&self.channel.key, &self.setup.holder, delay.as_secs_f64());
        tracing::warn!(channel = %key, attempts = attempts + 1, %reason, retry_after = ?delay, "delivery failed");
        let held =
            self.record(async |it| dispatch_leases::retry_later(it, key, holder, seconds).await).await?;
        Ok(if held { delay } else { self.lease_lost() })
    }

    async fn dead_letter(&self, events: &[i64], reason: &str) -> Result<Duration, Error> {
        let (key, holder) = (&self.channel.key, &self.setup.holder);
        if !self.record(async |it| outbox::dead_letter(it, key, holder, events).await).await? {
            return Ok(self.lease_lost());
        }
        tracing::error!(channel = %key, events = events.len(), %reason, "events dead-lettered");
        Ok(Duration::ZERO)
    }

    async fn disable(&self, reason: &str) -> Result<Duration, Error> {
        let (key, holder) = (&self.channel.key, &self.setup.holder);
        if !self.record(async |it| channels::disable(it, key, holder, reason).await).await? {
            return Ok(self.lease_lost());
        }
        tracing::error!(channel = %key, %reason, "channel disabled: nothing is sent until its URL is changed");
        Ok(Duration::ZERO)
    }

    /// Keeps settings that the service wants from now on. The events are sent again with them.
    async fn move_to(&self, settings: &Map<String, Value>) -> Result<Duration, Error> {
        let (key, holder) = (&self.channel.key, &self.setup.holder);
        let held = self.record(async |it| channels::change_settings(it, key, holder, settings).await).await?;
        Ok(if held { Duration::ZERO } else { self.lease_lost() })
    }

    /// Another dispatcher took the lease over, and decides what becomes of the events.
    fn lease_lost(&self) -> Duration {
        tracing::warn!(channel = %self.channel.key, "lease lost");
        LEASE_RETRY_DELAY
    }

    /// The backoff after this many failed attempts and one more: doubled each time, and shortened by up to a half at
    /// random, so that processes that failed together do not all come back together.
    fn backoff(&self, min: Duration, max: Duration, attempts: i32) -> Duration {
        let doubled = min.saturating_mul(2_u32.saturating_pow(attempts.max(0).cast_unsigned()));
        doubled.min(max).mul_f64(0.5 + (self.setup.random)() / 2.0)
    }

    /// Records an outcome, with a few retries. Returns whether this dispatcher still had the lease.
    async fn record(
        &self,
        work: impl AsyncFnOnce(&mut Connection) -> Result<bool, sqlx::Error> + Clone,
    ) -> Result<bool, Error> {
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
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, sqlx::Error> + Clone,
    ) -> Result<T, Error> {
        self.setup.session.run(Instant::now() + STATEMENT_TIMEOUT, work).await
    }
}

fn ids(events: &[Event]) -> Vec<i64> {
    events.iter().map(|event| event.id).collect()
}
