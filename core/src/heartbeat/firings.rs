//! What alerts are doing, and what the links in their notifications do.

use super::Heartbeat;
use crate::{
    Error,
    alert::{AlertStatus, FiringStatus, LinkedFiring},
    database::{
        evaluation::Purpose,
        linked_firings, past_firings,
        situation::{self, Configured},
    },
    link::Link,
};

/// Maximum number of past firings of an alert that are shown.
const PAST_FIRINGS_MAX: i64 = 10;

impl Heartbeat {
    /// All alerts and what they are doing, ordered by the length of their absences. Changes nothing.
    pub async fn alert_states(&self) -> Result<Vec<AlertStatus>, Error> {
        let has_channel = self.configured_channel.is_some();
        let configured = Configured { choices: self.cache.settings().configured, has_channel };
        let read = async |connection: &mut _| situation::read(connection, &configured, Purpose::Show).await;
        Ok(self.reads.run(read).await?.statuses())
    }

    /// The last firings of alert `id` of which nothing is left to tell, the newest first. None for an alert that does not exist.
    pub async fn past_firings(&self, id: i64) -> Result<Vec<FiringStatus>, Error> {
        let read = async |connection: &mut _| past_firings::of_alert(connection, id, PAST_FIRINGS_MAX).await;
        Ok(self.reads.run(read).await?.iter().map(FiringStatus::from).collect())
    }

    /// What has become of the firing that `link` is about. Changes nothing.
    pub async fn linked_firing(&self, link: Link) -> Result<LinkedFiring, Error> {
        if link.firing == 0 {
            return Ok(LinkedFiring::Test);
        }
        let find = async |connection: &mut _| linked_firings::open(connection, link).await;
        let open = self.reads.run(find).await?;
        Ok(open.map_or(LinkedFiring::Over, |open| LinkedFiring::Open {
            alert_name: open.name,
            reached_at: open.reached_at,
        }))
    }

    /// Records that the owner is well, by a link in a notification to them. It does what [`record_ok`](Self::record_ok) does
    /// if the answer is [`LinkedFiring::Open`].
    pub async fn ok_by_link(&self, link: Link) -> Result<LinkedFiring, Error> {
        let linked = self.linked_firing(link).await?;
        if !matches!(linked, LinkedFiring::Open { .. }) {
            return Ok(linked);
        }
        let record = async |connection: &mut _| linked_firings::record_ok(connection, link).await;
        let recorded = self.reads.run(record).await?;
        Ok(if recorded { linked } else { LinkedFiring::Over })
    }

    /// Records that a friend has reached the owner, by the link in a notification to that friend, if the answer is
    /// [`LinkedFiring::Open`]. The owner and the other friends are told when alerts are evaluated next.
    pub async fn reached(&self, link: Link) -> Result<LinkedFiring, Error> {
        let linked = self.linked_firing(link).await?;
        if !matches!(linked, LinkedFiring::Open { .. }) {
            return Ok(linked);
        }
        let record = async |connection: &mut _| linked_firings::record_reached(connection, link).await;
        let recorded = self.reads.run(record).await?;
        Ok(if recorded { linked } else { LinkedFiring::Over })
    }
}
