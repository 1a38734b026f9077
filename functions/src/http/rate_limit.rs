//! Rate limiters of failures, per client IP: token buckets, of which a failure takes one token.
//!
//! That of failed authentication has [`BURST`] tokens, and each [`REFILL_INTERVAL`] adds one. Beats with a valid token or editor key are never limited, not even where
//! other clients behind the same IP address are: 256 random bits cannot be guessed, nor can 122. The owner's key may be
//! one that people made up, so it is not even compared while the bucket is empty.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use time::{Duration, OffsetDateTime};

use super::client_ip::{ClientIp, share_key};

/// Capacity of a bucket: failures in a row until the rate limit applies.
const BURST: i32 = 20;

/// Interval at which a bucket regains one token. A device whose token was replaced, and that beats once a minute, stays
/// far below the limit.
const REFILL_INTERVAL: Duration = Duration::seconds(5);

/// Wrong pairing codes in a row until the rate limit applies: a person mistypes a few. One client must not use up the ten
/// failures a minute that all have.
const PAIRING_BURST: i32 = 5;

/// Interval at which a client may try one more pairing code.
const PAIRING_REFILL_INTERVAL: Duration = Duration::seconds(30);

/// Number of client IPs with a bucket, which bounds the memory.
const MAX_CLIENTS: usize = 10_000;

/// Rate limiter. It holds, for each client, the time at which its bucket is full again. Clients whose IP address is
/// unknown share a bucket.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    burst: i32,
    refill_interval: Duration,
    buckets: Mutex<Buckets>,
}

type Buckets = HashMap<Option<IpAddr>, OffsetDateTime>;

impl RateLimiter {
    /// Returns the rate limiter of failed authentication.
    pub(crate) fn of_authentication() -> Self {
        Self::new(BURST, REFILL_INTERVAL)
    }

    /// Returns the rate limiter of wrong codes in links, which are guesses at the owner's key, too. Any page can make its
    /// visitors' browsers send some, so they take no tokens from those who sign in.
    pub(crate) fn of_links() -> Self {
        Self::new(BURST, REFILL_INTERVAL)
    }

    /// Returns the rate limiter of wrong pairing codes.
    pub(crate) fn of_pairing() -> Self {
        Self::new(PAIRING_BURST, PAIRING_REFILL_INTERVAL)
    }

    fn new(burst: i32, refill_interval: Duration) -> Self {
        Self { burst, refill_interval, buckets: Mutex::default() }
    }

    /// Returns the time until the next token if the bucket is empty at `now`.
    pub(crate) fn retry_after(&self, client: ClientIp, now: OffsetDateTime) -> Option<Duration> {
        let full_at = self.buckets().get(&bucket_key(client)).copied();
        self.until_token(self.until_full(full_at?, now))
    }

    /// Records a failure at `now`. Returns the time until the next token if the bucket is empty.
    pub(crate) fn record_failure(&self, client: ClientIp, now: OffsetDateTime) -> Option<Duration> {
        let mut buckets = self.buckets();
        if buckets.len() >= MAX_CLIENTS {
            buckets.retain(|_, full_at| *full_at > now);
            // Attackers with that many IP addresses cannot be slowed down by counting them.
            if buckets.len() >= MAX_CLIENTS {
                buckets.clear();
            }
        }
        let full_at = buckets.entry(bucket_key(client)).or_insert(now);
        let until_full = self.until_full(*full_at, now);
        let retry_after = self.until_token(until_full);
        if retry_after.is_none() {
            *full_at = now + until_full + self.refill_interval;
        }
        retry_after
    }

    /// Takes a failure back that was recorded before it was known to be none.
    pub(crate) fn take_failure_back(&self, client: ClientIp) {
        if let Some(full_at) = self.buckets().get_mut(&bucket_key(client)) {
            *full_at -= self.refill_interval;
        }
    }

    /// Returns how long a bucket takes to be full again. After the clock was set back, no client may wait for longer than
    /// a whole bucket takes.
    fn until_full(&self, full_at: OffsetDateTime, now: OffsetDateTime) -> Duration {
        (full_at - now).clamp(Duration::ZERO, self.refill_interval * self.burst)
    }

    /// Returns how long a bucket takes to have a token; `None` if it has one.
    fn until_token(&self, until_full: Duration) -> Option<Duration> {
        let delay = until_full + self.refill_interval - self.refill_interval * self.burst;
        Some(delay).filter(|delay| delay.is_positive())
    }

    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bucket_key(client: ClientIp) -> Option<IpAddr> {
    client.0.map(share_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds)
    }

    fn ip(text: &str) -> ClientIp {
        ClientIp(Some(text.parse().expect("an IP address")))
    }

    #[test]
    fn twenty_failures_at_once_then_one_every_five_seconds() {
        let (rate_limiter, client) = (RateLimiter::of_authentication(), ip("192.0.2.1"));
        for _ in 0..BURST {
            assert_eq!(rate_limiter.record_failure(client, at(0)), None);
        }
        assert_eq!(rate_limiter.record_failure(client, at(0)), Some(REFILL_INTERVAL));
        assert_eq!(rate_limiter.retry_after(client, at(3)), Some(Duration::seconds(2)));
        assert_eq!(rate_limiter.record_failure(client, at(3)), Some(Duration::seconds(2)));
        assert_eq!(rate_limiter.retry_after(client, at(5)), None);
        assert_eq!(rate_limiter.record_failure(client, at(5)), None);
        assert_eq!(rate_limiter.record_failure(client, at(5)), Some(REFILL_INTERVAL));
        assert_eq!(rate_limiter.record_failure(ip("192.0.2.2"), at(5)), None);
        // The bucket is full again in the end.
        for _ in 0..BURST {
            assert_eq!(rate_limiter.record_failure(client, at(1_000)), None);
        }
    }

    #[test]
    fn ipv6_clients_are_limited_per_64() {
        let rate_limiter = RateLimiter::of_authentication();
        for last in 0..BURST {
            assert_eq!(rate_limiter.record_failure(ip(&format!("2001:db8::{last:x}")), at(0)), None);
        }
        assert!(rate_limiter.record_failure(ip("2001:db8::ffff:1"), at(0)).is_some());
        assert_eq!(rate_limiter.record_failure(ip("2001:db8:0:1::1"), at(0)), None);
    }

    #[test]
    fn a_clock_that_was_set_back_locks_no_client_out_for_long() {
        let (rate_limiter, client) = (RateLimiter::of_authentication(), ip("192.0.2.1"));
        rate_limiter.record_failure(client, at(1_000_000));
        assert!(rate_limiter.record_failure(client, at(0)).is_none_or(|delay| delay <= REFILL_INTERVAL));
    }

    #[test]
    fn a_failure_that_was_none_leaves_the_others() {
        let (rate_limiter, client) = (RateLimiter::of_pairing(), ip("192.0.2.1"));
        for _ in 0..PAIRING_BURST {
            assert_eq!(rate_limiter.record_failure(client, at(0)), None);
        }
        rate_limiter.take_failure_back(client);
        assert_eq!(rate_limiter.record_failure(client, at(0)), None);
        assert_eq!(rate_limiter.record_failure(client, at(0)), Some(PAIRING_REFILL_INTERVAL));
    }

    #[test]
    fn memory_is_bounded() {
        let rate_limiter = RateLimiter::of_authentication();
        for number in 0..3 * u32::try_from(MAX_CLIENTS).expect("small") {
            rate_limiter.record_failure(ClientIp(Some(IpAddr::V4(number.into()))), at(0));
        }
        assert!(rate_limiter.buckets.lock().expect("nothing panics").len() <= MAX_CLIENTS);
    }
}
