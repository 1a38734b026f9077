//! A delivery: what a dispatcher does between claiming the lease on a channel and giving it back.

use std::time::Duration;

use serde_json::Value;
use time::OffsetDateTime;
use tokio::time::{Instant, timeout};

use super::{
    channels::KeyedChannel,
    event::{Event, EventDevice, EventKind},
    http::{Http, NO_ANSWER, SEND_TIMEOUT},
    outcome::Outcome,
    setup::Setup,
    wording::Reader,
};
use crate::{
    Error,
    channel::Audience,
    database::{
        Connection,
        dispatch_leases::{self, Failed},
        outbox,
    },
    settings::Settings,
};

/// Timeout of the lease on a channel. It outlasts a delivery, so that no other dispatcher delivers meanwhile; not by
/// much, for that is how long a process that died holds up the others.
const LEASE_TIMEOUT: Duration = Duration::from_secs(30);

/// Timeout of one statement.
pub(super) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(2);

/// Attempts to record an outcome. While the lease lasts no other dispatcher sends the same events again, so this is
/// worth a few.
pub(super) const RECORD_ATTEMPTS: u64 = 3;

/// Attempts to read events of which none is withdrawn meanwhile.
const READ_ATTEMPTS: usize = 2;

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

/// The delays after the first attempts that were denied: one bad answer of a proxy holds up no alert.
const DENIED_DELAYS: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(30)];

/// The backoff after further ones: Discord bans an IP address that makes 10,000 of these in 10 minutes.
const DENIED_BACKOFF_MIN: Duration = Duration::from_mins(20);
const DENIED_BACKOFF_MAX: Duration = Duration::from_hours(1);

/// The longest delay that a service may ask for.
pub(super) const SERVICE_DELAY_MAX: Duration = Duration::from_hours(1);

/// The longest delay until a service takes more than its quota of a day.
pub(super) const QUOTA_DELAY_MAX: Duration = Duration::from_hours(25);

/// Delay before a channel is looked at again whose lease another dispatcher holds, or about which the database gave
/// no answer.
pub(super) const LEASE_RETRY_DELAY: Duration = Duration::from_secs(1);

/// A delivery to a channel, which events may be waiting for.
#[derive(Debug)]
pub(super) struct Delivery<'a> {
    pub(super) setup: &'a Setup,
    pub(super) http: &'a Http,
    pub(super) channel: &'a KeyedChannel,
    pub(super) round: &'a Round,
}

/// An attempt to send some of the events that wait.
#[derive(Debug)]
pub(super) struct Attempt {
    /// The attempts that failed before it.
    pub(super) failed: Failed,
    /// Events that it is the first one for: if it certainly fails, they have not arrived. Kept of alerts alone.
    pub(super) first_of: Vec<i64>,
}

/// What all deliveries of one round have in common.
#[derive(Debug)]
pub(super) struct Round {
    /// The settings as they apply.
    pub(super) settings: Settings,
    /// Strangers, and so friends, know when the owner was present before this time; without it, they know all.
    pub(super) visible_before: Option<OffsetDateTime>,
    /// Keys of the channels that the configuration names.
    pub(super) configured: Vec<String>,
}

impl Round {
    /// Until when the reader of a channel may know when the owner was present; `None` if they may know all.
    pub(super) fn visible_before(&self, channel: &KeyedChannel) -> Option<OffsetDateTime> {
        self.visible_before.filter(|_| channel.audience == Audience::Friend)
    }
}

impl Delivery<'_> {
    /// Claims the lease, delivers as many events as one message holds, and gives the lease back. Returns the delay
    /// before the next delivery, or `None` if no events wait. Errors are logged where they happen; they concern no
    /// other channel.
    pub(super) async fn run(&self) -> Option<Duration> {
        let Ok(Some(failed)) = self.claim().await else { return Some(LEASE_RETRY_DELAY) };
        let delay = match self.first().await {
            Ok(Some(rows)) => match self.deliver_rows(&rows, failed).await {
                Ok(delay) => delay,
                // The lease is left to run out: what was sent, and could not be recorded as that, is not to be
                // sent again and again.
                Err(_) => return Some(LEASE_RETRY_DELAY),
            },
            Ok(None) | Err(_) => Some(LEASE_RETRY_DELAY),
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
            Audience::Friend => event.for_strangers(&self.round.settings),
        })
    }

    async fn claim(&self) -> Result<Option<Failed>, Error> {
        let (channel, holder, seconds) = (self.channel, &self.setup.holder, LEASE_TIMEOUT.as_secs_f64());
        let (key, settings) = (&channel.key, &channel.settings_hash);
        self.query(async |it| dispatch_leases::claim(it, key, settings, holder, seconds).await).await
    }

    /// The first events that wait, as many as one message holds. Those about alerts may be withdrawn until an attempt to send
    /// them is noted; `None` while an evaluation of alerts decides on that.
    async fn first(&self) -> Result<Option<Vec<outbox::Row>>, Error> {
        let limit = i64::try_from(self.channel.channel.max_events()).unwrap_or(i64::MAX);
        let (key, kinds) = (&self.channel.key, EventKind::NAMES.map(str::to_owned));
        let visible_before = self.round.visible_before(self.channel);
        let address_version = self.channel.address_version;
        self.query(async |it| {
            for _ in 0..READ_ATTEMPTS {
                let mut rows = outbox::first(it, key, address_version, &kinds, visible_before, limit).await?;
                rows.truncate(first_message(&rows));
                let withdrawable: Vec<i64> =
                    rows.iter().filter(|row| row.firing.is_some()).map(|row| row.id).collect();
                if withdrawable.is_empty()
                    || outbox::attempt(it, &withdrawable).await?.len() == withdrawable.len()
                {
                    return Ok(Some(rows));
                }
            }
            Ok(None)
        })
        .await
    }

    async fn deliver_rows(&self, rows: &[outbox::Row], failed: Failed) -> Result<Option<Duration>, Error> {
        let is_first = |row: &&outbox::Row| row.firing.is_some() && !row.was_attempted;
        let first_of = rows.iter().filter(is_first).map(|row| row.id).collect();
        let attempt = Attempt { failed, first_of };
        let event = |row| self.event(row);
        let unreadable: Vec<i64> = rows.iter().filter(|row| event(row).is_none()).map(|row| row.id).collect();
        if !unreadable.is_empty() {
            return self.dead_letter(&attempt, &unreadable, "unreadable").await.map(Some);
        }
        let events: Vec<Event> = rows.iter().filter_map(event).collect();
        if events.is_empty() { Ok(None) } else { self.deliver(&attempt, &events).await.map(Some) }
    }

    /// Sends some events, and records what became of them. Returns the delay before the next delivery.
    async fn deliver(&self, attempt: &Attempt, events: &[Event]) -> Result<Duration, Error> {
        let backoff = || self.backoff(BACKOFF_MIN, BACKOFF_MAX, attempt.failed.attempts);
        match self.send(events).await {
            Outcome::Delivered(delay) => self.ack(&ids(events), delay.min(SERVICE_DELAY_MAX)).await,
            Outcome::Unknown(reason) => self.unknown(attempt, &reason, backoff()).await,
            Outcome::RetryLater { reason, retry_after } => {
                let delay =
                    retry_after.map_or_else(backoff, |delay| delay.clamp(BACKOFF_MIN, SERVICE_DELAY_MAX));
                self.retry_later(attempt, &reason, delay).await
            }
            Outcome::OutOfQuota { reason, retry_after } => {
                let delay = retry_after.clamp(BACKOFF_MIN, QUOTA_DELAY_MAX);
                self.out_of_quota(attempt, events, &reason, delay).await
            }
            Outcome::Moved(settings) => self.move_to(attempt, &settings).await,
            Outcome::Denied(reason) => self.denied(attempt, &reason, self.denied_delay(attempt)).await,
            Outcome::Refused(reason) if events.len() == 1 => self.refused(attempt, &events[0], &reason).await,
            // One of them spoils the rest: find out which.
            Outcome::Refused(_) => match self.claim().await? {
                Some(failed) => {
                    let attempt = Attempt { failed, first_of: Vec::new() };
                    Box::pin(self.deliver(&attempt, &events[..1])).await
                }
                None => Ok(self.lease_lost()),
            },
            Outcome::Gone(reason) => self.disable(attempt, &reason).await,
        }
    }

    async fn send(&self, events: &[Event]) -> Outcome {
        let reader = Reader {
            channel: self.channel.id,
            address_version: self.channel.address_version,
            audience: self.channel.audience,
            is_confirmed: self.channel.is_confirmed,
            now: (self.setup.clock)(),
            timezone: &self.round.settings.timezone,
            site: &self.setup.site,
        };
        let late = Outcome::Unknown(NO_ANSWER.to_owned());
        let attempt = self.channel.channel.send(events, &reader, self.http);
        let outcome = timeout(SEND_TIMEOUT, attempt).await.unwrap_or(late);
        let (metrics, key) = (&self.setup.metrics, &self.channel.key);
        metrics.notification_attempts.with_label_values(&[key]).inc();
        if !matches!(outcome, Outcome::Delivered(_)) {
            metrics.notification_failures.with_label_values(&[key]).inc();
        }
        outcome
    }

    /// The backoff after this many failed attempts and one more: doubled each time, and shortened by up to a half at
    /// random, so that processes that failed together do not all come back together.
    fn backoff(&self, min: Duration, max: Duration, attempts: i32) -> Duration {
        let doubled = min.saturating_mul(2_u32.saturating_pow(attempts.max(0).cast_unsigned()));
        doubled.min(max).mul_f64(0.5 + (self.setup.random)() / 2.0)
    }

    fn denied_delay(&self, attempt: &Attempt) -> Duration {
        let denials = attempt.failed.denials;
        let first = usize::try_from(denials).ok().and_then(|denials| DENIED_DELAYS.get(denials));
        first.copied().unwrap_or_else(|| {
            let quick = i32::try_from(DENIED_DELAYS.len()).unwrap_or(i32::MAX);
            self.backoff(DENIED_BACKOFF_MIN, DENIED_BACKOFF_MAX, denials.saturating_sub(quick))
        })
    }

    pub(super) async fn query<T>(
        &self,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, sqlx::Error> + Clone,
    ) -> Result<T, Error> {
        self.setup.session.run(Instant::now() + STATEMENT_TIMEOUT, work).await
    }
}

/// How many of the first events one message tells of: an alert has a message of its own, which is not cut for others.
fn first_message(rows: &[outbox::Row]) -> usize {
    let is_of_alert = |row: &outbox::Row| EventKind::OF_ALERTS.contains(&row.kind.as_str());
    rows.iter().position(is_of_alert).map_or(rows.len(), |at| at.max(1))
}

pub(super) fn ids(events: &[Event]) -> Vec<i64> {
    events.iter().map(|event| event.id).collect()
}
