//! What was read lately: one caller reads, and those who want the same meanwhile wait for it.

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use time::{Duration, OffsetDateTime};

use crate::{Error, shares::Shares};

/// Age up to which what was read is of use although there are more beats.
const AGE_MIN: Duration = Duration::SECOND;

/// Age up to which it is of use while there are none. It may change without one: by erasing a device, by a roll-up that catches
/// up. A read that failed is not tried again before, so that no caller waits for it each time.
const AGE_MAX: Duration = Duration::seconds(10);

/// Keys whose values are kept in memory: a year of presence is half a megabyte. When there are more, all are forgotten.
const CAPACITY: usize = 32;

/// Values by key. Clients make the keys, so each read takes a share of its client.
#[derive(Debug)]
pub(super) struct Recent<K, T> {
    slots: Mutex<HashMap<K, Slot<T>>>,
    shares: Arc<Shares>,
}

/// The value of a key. Who reads it holds the lock.
type Slot<T> = Arc<tokio::sync::Mutex<Option<Remembered<T>>>>;

#[derive(Debug)]
struct Remembered<T> {
    value: Result<T, Error>,
    read_at: Moment,
}

/// A moment of this process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) time: OffsetDateTime,
    /// Beats of all devices that it knew of.
    pub(super) total_beats: i64,
}

impl<T> Remembered<T> {
    fn is_fresh(&self, now: Moment) -> bool {
        let is_last = self.value.is_err() || self.read_at.total_beats == now.total_beats;
        let max = if is_last { AGE_MAX } else { AGE_MIN };
        (Duration::ZERO..max).contains(&(now.time - self.read_at.time))
    }
}

impl<K: Eq + Hash, T: Clone> Recent<K, T> {
    pub(super) fn new(shares: Arc<Shares>) -> Self {
        Self { slots: Mutex::default(), shares }
    }

    /// Returns the value of `key`, as it was at most ten seconds before `now`, or a second if beats came since, and unless it is
    /// not `of_use`. Else it is the one that `read` returns, for a `client`. Fails with [`Error::Unavailable`] if reading does,
    /// just now or a few seconds ago.
    pub(super) async fn get(
        &self,
        key: K,
        now: Moment,
        client: Option<IpAddr>,
        of_use: impl Fn(&T) -> bool,
        read: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let slot = self.slot(key);
        let mut remembered = slot.lock().await;
        let is_of_use = |it: &&Remembered<T>| it.is_fresh(now) && it.value.as_ref().map_or(true, &of_use);
        if let Some(known) = remembered.as_ref().filter(is_of_use) {
            return known.value.clone();
        }
        let _share = self.shares.take(client).ok_or(Error::Unavailable)?;
        let value = read.await;
        *remembered = Some(Remembered { value: value.clone(), read_at: now });
        value
    }

    fn slot(&self, key: K) -> Slot<T> {
        // Nothing panics while it holds the lock.
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= CAPACITY && !slots.contains_key(&key) {
            slots.clear();
        }
        Arc::clone(slots.entry(key).or_default())
    }
}
