//! What a delivery records of its outcome, as long as its dispatcher has the lease.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{
    delivery::{Attempt, Delivery, LEASE_RETRY_DELAY, RECORD_ATTEMPTS},
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

    /// Records an attempt after which the events may have arrived.
    pub(super) async fn unknown(
        &self,
        attempt: &Attempt,
        reason: &str,
        delay: Duration,
    ) -> Result<Duration, Error> {
        let maybe_arrived = Attempt { first_of: Vec::new(), ..*attempt };
        self.retry_later(&maybe_arrived, reason, delay).await
    }

    /// Records an attempt that failed.
    pub(super) async fn retry_later(
        &self,
        attempt: &Attempt,
        reason: &str,
        delay: Duration,
    ) -> Result<Duration, Error> {
        self.failed(attempt, reason, delay, false).await
    }

    /// Records an attempt that was denied.
    pub(super) async fn denied(
        &self,
        attempt: &Attempt,
        reason: &str,
        delay: Duration,
    ) -> Result<Duration, Error> {
        self.failed(attempt, reason, delay, true).await
    }

    async fn failed(
        &self,
        attempt: &Attempt,
        reason: &str,
        delay: Duration,
        is_denied: bool,
    ) -> Result<Duration, Error> {
        let (key, holder, seconds) = (&self.channel.key, &self.setup.holder, delay.as_secs_f64());
        let attempts = attempt.failed.attempts + 1;
        tracing::warn!(channel = %key, attempts, %reason, retry_after = ?delay, "delivery failed");
        let retry = async |it: &mut _| {
            dispatch_leases::retry_later(it, key, holder, seconds, is_denied, reason).await
        };
        let held = self.record_failure(attempt, retry).await?;
        Ok(if held { delay } else { self.lease_lost() })
    }

    /// Records that the service takes no more for so long, and tells the owner by other channels now which alerts wait for that.
    pub(super) async fn out_of_quota(
        &self,
        attempt: &Attempt,
        events: &[Event],
        reason: &str,
        delay: Duration,
    ) -> Result<Duration, Error> {
        let (key, holder, seconds) = (&self.channel.key, &self.setup.holder, delay.as_secs_f64());
        tracing::error!(channel = %key, %reason, retry_after = ?delay, "the service takes no more for now");
        let retry = async |it: &mut Connection| {
            let held = dispatch_leases::retry_later(it, key, holder, seconds, false, reason).await?;
            if held {
                self.tell_of_alerts(it, events, reason).await?;
            }
            Ok(held)
        };
        Ok(if self.record_failure(attempt, retry).await? { delay } else { self.lease_lost() })
    }

    /// Dead-letters events that make no sense to the program.
    pub(super) async fn dead_letter(
        &self,
        attempt: &Attempt,
        events: &[i64],
        reason: &str,
    ) -> Result<Duration, Error> {
        self.dead_letter_and(attempt, events, reason, &[]).await
    }

    /// Dead-letters an event that the service refused, and tells the owner by other channels if it is about an alert.
    pub(super) async fn refused(
        &self,
        attempt: &Attempt,
        event: &Event,
        reason: &str,
    ) -> Result<Duration, Error> {
        self.dead_letter_and(attempt, &[event.id], reason, std::slice::from_ref(event)).await
    }

    async fn dead_letter_and(
        &self,
        attempt: &Attempt,
        ids: &[i64],
        reason: &str,
        refused: &[Event],
    ) -> Result<Duration, Error> {
        let (key, holder) = (&self.channel.key, &self.setup.holder);
        let dead_letter = async |it: &mut Connection| {
            let held = outbox::dead_letter(it, key, holder, ids, reason).await?;
            if held {
                self.tell_of_alerts(it, refused, reason).await?;
            }
            Ok(held)
        };
        if !self.record_failure(attempt, dead_letter).await? {
            return Ok(self.lease_lost());
        }
        tracing::error!(channel = %key, events = ids.len(), %reason, "events dead-lettered");
        Ok(Duration::ZERO)
    }

    /// Disables the channel, and tells the owner by other channels.
    pub(super) async fn disable(&self, attempt: &Attempt, reason: &str) -> Result<Duration, Error> {
        let (key, holder) = (&self.channel.key, &self.setup.holder);
        let disable = async |it: &mut Connection| {
            let held = channels::disable(it, key, holder, reason).await?;
            if held {
                let failing = [self.failing(reason, true, None)];
                failing_channels::tell(it, &failing, &self.round.configured).await?;
            }
            Ok(held)
        };
        if !self.record_failure(attempt, disable).await? {
            return Ok(self.lease_lost());
        }
        tracing::error!(channel = %key, %reason, "channel disabled: nothing is sent until its URL is changed");
        Ok(Duration::ZERO)
    }

    /// Keeps settings that the service wants from now on. The events are sent again with them.
    pub(super) async fn move_to(
        &self,
        attempt: &Attempt,
        settings: &Map<String, Value>,
    ) -> Result<Duration, Error> {
        let (key, holder) = (&self.channel.key, &self.setup.holder);
        let change = async |it: &mut _| channels::change_settings(it, key, holder, settings).await;
        let held = self.record_failure(attempt, change).await?;
        Ok(if held { LEASE_RETRY_DELAY } else { self.lease_lost() })
    }

    /// Another dispatcher took the lease over, and decides what becomes of the events.
    pub(super) fn lease_lost(&self) -> Duration {
        tracing::warn!(channel = %self.channel.key, "lease lost");
        LEASE_RETRY_DELAY
    }

    /// Tells the owner by other channels which alerts these events could not tell of: of each firing once. A test of an alert has none.
    async fn tell_of_alerts(
        &self,
        it: &mut Connection,
        events: &[Event],
        reason: &str,
    ) -> Result<(), sqlx::Error> {
        let alerts = events.iter().filter_map(|event| Some((event.id, event.alert()?)));
        let (tests, firings): (Vec<_>, Vec<_>) = alerts.partition(|(_, notice)| notice.firing == 0);
        let ids: Vec<i64> = firings.into_iter().map(|(id, _)| id).collect();
        let names = failing_channels::report(it, &ids).await?;
        let names = names.into_iter().map(Some).chain(tests.into_iter().map(|_| None));
        let failing: Vec<FailingChannel> = names.map(|name| self.failing(reason, false, name)).collect();
        failing_channels::tell(it, &failing, &self.round.configured).await
    }

    fn failing(&self, reason: &str, disabled: bool, alert_name: Option<String>) -> FailingChannel {
        let (channel, name) = (self.channel.id, self.channel.name.clone());
        FailingChannel { channel, name, reason: reason.to_owned(), disabled, alert_name }
    }

    /// Records an attempt after which the events have certainly not arrived.
    async fn record_failure(
        &self,
        attempt: &Attempt,
        work: impl AsyncFnOnce(&mut Connection) -> Result<bool, sqlx::Error> + Clone,
    ) -> Result<bool, Error> {
        self.record(async |it| {
            it.ensure_transaction().await?;
            let held = work.clone()(it).await?;
            if held && !attempt.first_of.is_empty() {
                outbox::forget_attempt(it, &attempt.first_of).await?;
            }
            Ok(held)
        })
        .await
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
