//! The owner's secret key as it is now. On Lambda it is in a secret, which may be rotated while a function runs.

use std::{fmt::Debug, sync::OnceLock};

use futures_util::future::BoxFuture;
use heartbeat_core::token::SecretKey;
use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;

/// Age from which on the key is read again before it is used. For as long at most, a key that was replaced goes on being
/// accepted, and the new one is not. Requests, with right or wrong keys, cannot have it read more often.
const MAX_AGE: Duration = Duration::MINUTE;

/// Where the key can be read again.
pub trait KeySource: Debug + Send + Sync {
    /// Returns the key as it is now; `None`, after logging why, if it cannot be read.
    fn read_again(&self) -> BoxFuture<'_, Option<SecretKey>>;
}

/// The key that the owner must present.
#[derive(Debug)]
pub(crate) struct OwnerKey {
    known: Mutex<Known>,
    /// Where it can be read again; empty where it stays the same until the program ends.
    source: OnceLock<Box<dyn KeySource>>,
}

#[derive(Debug)]
struct Known {
    key: Option<SecretKey>,
    read_at: OffsetDateTime,
}

impl OwnerKey {
    /// Takes the configured key, if there is one, as it was read at `now`.
    pub(crate) fn new(key: Option<SecretKey>, now: OffsetDateTime) -> Self {
        Self { known: Mutex::new(Known { key, read_at: now }), source: OnceLock::new() }
    }

    /// Sets where the key is read again. Only the first call has an effect.
    pub(crate) fn renew_from(&self, source: Box<dyn KeySource>) {
        let _ = self.source.set(source);
    }

    /// Returns the key at the time `now`. While it cannot be read again, the last known one counts.
    pub(crate) async fn current(&self, now: OffsetDateTime) -> Option<SecretKey> {
        let mut known = self.known.lock().await;
        if let Some(source) = self.source.get()
            && !(Duration::ZERO..MAX_AGE).contains(&(now - known.read_at))
        {
            // Before it is read: a client may go away meanwhile.
            known.read_at = now;
            if let Some(key) = source.read_again().await {
                known.key = Some(key);
            }
        }
        known.key.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    /// A secret that is rotated, or cannot be read.
    #[derive(Debug, Clone, Default)]
    struct Stored {
        text: Arc<Mutex<Option<&'static str>>>,
        reads: Arc<AtomicUsize>,
    }

    impl Stored {
        fn set(&self, text: Option<&'static str>) {
            *self.text.lock().expect("the mutex is not poisoned") = text;
        }

        fn reads(&self) -> usize {
            self.reads.load(Ordering::Relaxed)
        }
    }

    impl KeySource for Stored {
        fn read_again(&self) -> BoxFuture<'_, Option<SecretKey>> {
            self.reads.fetch_add(1, Ordering::Relaxed);
            let text = *self.text.lock().expect("the mutex is not poisoned");
            Box::pin(async move { text.and_then(SecretKey::parse) })
        }
    }

    async fn key_after(key: &OwnerKey, seconds: i64) -> String {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds);
        key.current(now).await.expect("a key").expose().to_owned()
    }

    fn first_key() -> OwnerKey {
        OwnerKey::new(SecretKey::parse("first"), OffsetDateTime::UNIX_EPOCH)
    }

    #[tokio::test]
    async fn a_rotated_key_holds_within_a_minute_and_is_read_once_in_that_time() {
        let (key, stored) = (first_key(), Stored::default());
        key.renew_from(Box::new(stored.clone()));
        stored.set(Some("second"));
        for seconds in [0, 1, 59] {
            assert_eq!(key_after(&key, seconds).await, "first");
        }
        assert_eq!(stored.reads(), 0);
        for seconds in [60, 61, 119] {
            assert_eq!(key_after(&key, seconds).await, "second");
        }
        assert_eq!(stored.reads(), 1);
    }

    #[tokio::test]
    async fn while_it_cannot_be_read_the_last_one_counts() {
        let (key, stored) = (first_key(), Stored::default());
        key.renew_from(Box::new(stored.clone()));
        for seconds in [100, 101, 102] {
            assert_eq!(key_after(&key, seconds).await, "first");
        }
        assert_eq!(stored.reads(), 1);
        stored.set(Some("second"));
        assert_eq!(key_after(&key, 160).await, "second");
    }

    #[tokio::test]
    async fn a_clock_that_was_set_back_keeps_no_old_key() {
        let (key, stored) = (first_key(), Stored::default());
        key.renew_from(Box::new(stored.clone()));
        stored.set(Some("second"));
        assert_eq!(key_after(&key, -1).await, "second");
    }

    #[tokio::test]
    async fn a_key_from_a_configuration_stays() {
        assert_eq!(key_after(&first_key(), 1_000_000).await, "first");
    }
}
