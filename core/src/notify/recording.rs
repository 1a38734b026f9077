//! What a delivery records of its outcome, as long as its dispatcher has the lease.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{
    delivery::{Delivery, LEASE_RETRY_DELAY, RECORD_ATTEMPTS, ids},
    event::{Event, FailingChannel},
};
use crate::{
    Error,
    database::{Connection, channels, dispatch_leases, failing_channels, outbox},
};

impl Delivery<'_> {
    /// Records that events were delivered. As all of these, returns the delay before the next delivery.
    pub(super) async fn ack(&self, events: &[i64], delay: Duration) -> Result<Duration, Error> {
        let (key, holder, seconds) = (&self.channel.key, &self.setup.holder, delay.as_secs_f64());
        let held = self.record(async |it| outbox::ack(it, key, holder, events, seconds).await).await?;
        Ok(if held { delay } else { self.lease_lost() })
    }

    /// Records a failed attempt.
    pub(super) async fn retry_later(
        &self,
        attempts: i32,
        reason: &str,
        delay: Duration,
    ) -> Result<Duration, Error> {
        let (key, holder, seconds) = (&self.channel.key, &self.setup.holder, delay.as_secs_f64());
        tracing::warn!(channel = %key, attempts = attempts + 1, %reason, retry_after = ?delay, "delivery failed");
        let held = self
            .record(async |it| dispatch_leases::retry_later(it, key, holder, seconds, reason).await)
            .await?;
        Ok(if held { delay } else { self.lease_lost() })
    }

    /// Records that the service takes no more for so long, and tells the owner by other channels now.
    pub(super) async fn out_of_quota(
        &self,
        events: &[Event],
        reason: &str,
        delay: Duration,
    ) -> Result<Duration, Error> {
        let (key, holder, seconds) = (&self.channel.key, &self.setup.holder, delay.as_secs_f64());
        tracing::error!(channel = %key, %reason, retry_after = ?delay, "the service takes no more for now");
        let held = self.record(async |it| {
            it.ensure_transaction().await?;
            let held = dispatch_leases::retry_later(it, key, holder, seconds, reason).await?;
            if held {
                self.tell_owner(it, events, reason).await?;
            }
            Ok(held)
        });
        Ok(if held.await? { delay } else { self.lease_lost() })
    }

    /// Dead-letters events that make no sense to the program.
    pub(super) async fn dead_letter(&self, events: &[i64], reason: &str) -> Result<Duration, Error> {
        self.dead_letter_and(events, reason, &[]).await
    }

    /// Dead-letters an event that the service refused, and tells the owner by other channels if it is about an alert.
    pub(super) async fn refused(&self, event: &Event, reason: &str) -> Result<Duration, Error> {
        let told = if event.alert().is_some() { std::slice::from_ref(event) } else { &[] };
        self.dead_letter_and(&[event.id], reason, told).await
    }

    async fn dead_letter_and(&self, ids: &[i64], reason: &str, told: &[Event]) -> Result<Duration, Error> {
        let (key, holder) = (&self.channel.key, &self.setup.holder);
        let held = self.record(async |it| {
            it.ensure_transaction().await?;
            let held = outbox::dead_letter(it, key, holder, ids, reason).await?;
            if held && !told.is_empty() {
                self.tell_owner(it, told, reason).await?;
            }
            Ok(held)
        });
        if !held.await? {
            return Ok(self.lease_lost());
        }
        tracing::error!(channel = %key, events = ids.len(), %reason, "events dead-lettered");
        Ok(Duration::ZERO)
    }

    /// Disables the channel, and tells the owner by other channels.
    pub(super) async fn disable(&self, reason: &str) -> Result<Duration, Error> {
        let (key, holder) = (&self.channel.key, &self.setup.holder);
        let held = self.record(async |it| {
            it.ensure_transaction().await?;
            let held = channels::disable(it, key, holder, reason).await?;
            if held {
                let failing = [self.failing(reason, true, None)];
                failing_channels::tell(it, &failing, &self.round.configured).await?;
            }
            Ok(held)
        });
        if !held.await? {
            return Ok(self.lease_lost());
        }
        tracing::error!(channel = %key, %reason, "channel disabled: nothing is sent until its URL is changed");
        Ok(Duration::ZERO)
    }

    /// Keeps settings that the service wants from now on. The events are sent again with them.
    pub(super) async fn move_to(&self, settings: &Map<String, Value>) -> Result<Duration, Error> {
        let (key, holder) = (&self.channel.key, &self.setup.holder);
        let held = self.record(async |it| channels::change_settings(it, key, holder, settings).await).await?;
        Ok(if held { LEASE_RETRY_DELAY } else { self.lease_lost() })
    }

    /// Another dispatcher took the lease over, and decides what becomes of the events.
    pub(super) fn lease_lost(&self) -> Duration {
        tracing::warn!(channel = %self.channel.key, "lease lost");
        LEASE_RETRY_DELAY
    }

    /// Tells the owner by other channels that these events could not be sent: of each alert among them once, or, without any, of
    /// the channel.
    async fn tell_owner(
        &self,
        it: &mut Connection,
        events: &[Event],
        reason: &str,
    ) -> Result<(), sqlx::Error> {
        let is_of_firing = |event: &&Event| event.alert().is_some_and(|notice| notice.firing != 0);
        let of_firings: Vec<Event> = events.iter().filter(is_of_firing).cloned().collect();
        let alerts: Vec<Option<String>> = if of_firings.is_empty() {
            vec![None]
        } else {
            failing_channels::report(it, &ids(&of_firings)).await?.into_iter().map(Some).collect()
        };
        let failing: Vec<FailingChannel> =
            alerts.into_iter().map(|alert_name| self.failing(reason, false, alert_name)).collect();
        failing_channels::tell(it, &failing, &self.round.configured).await
    }

    fn failing(&self, reason: &str, disabled: bool, alert_name: Option<String>) -> FailingChannel {
        let (channel, name) = (self.channel.id, self.channel.name.clone());
        FailingChannel { channel, name, reason: reason.to_owned(), disabled, alert_name }
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
}
