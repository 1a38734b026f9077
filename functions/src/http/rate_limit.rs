//! Failed attempts to authenticate, slowed down by address: a bucket of [`BURST`] tokens for each, of which a
//! failure takes one and each [`REFILL_INTERVAL`] brings one back. Whoever presents what is valid is never held up,
//! whatever others do behind the same address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
};

use time::{Duration, OffsetDateTime};

/// RateLimiter that one address may have at once.
const BURST: i32 = 20;

/// How long it takes until it may have another one. A device whose token was replaced, and that beats once a
/// minute, stays far below.
const REFILL_INTERVAL: Duration = Duration::seconds(5);

/// Addresses that are remembered.
const MAX_CLIENTS: usize = 10_000;

/// Whoever has an IPv6 address has this many of its leading bits, and all addresses behind them.
const IPV6_PREFIX_BITS: u32 = 64;

/// The rate_limiter of late: for each address, when its bucket will be full again.
#[derive(Debug, Default)]
pub(crate) struct RateLimiter(Mutex<HashMap<IpAddr, OffsetDateTime>>);

impl RateLimiter {
    /// Takes record_failure of a failure at `now`; returns how long to wait if there were too many.
    pub(crate) fn record_failure(&self, client: IpAddr, now: OffsetDateTime) -> Option<Duration> {
        let mut full_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if full_at.len() >= MAX_CLIENTS {
            full_at.retain(|_, full_at| *full_at > now);
            // Attackers with as many addresses as that are not slowed down by counting them.
            if full_at.len() >= MAX_CLIENTS {
                full_at.clear();
            }
        }
        let full_at = full_at.entry(network(client)).or_insert(now);
        // A clock that was set back must not make anybody wait for longer than a whole bucket.
        let missing = (*full_at - now).clamp(Duration::ZERO, REFILL_INTERVAL * BURST);
        let wait = missing + REFILL_INTERVAL - REFILL_INTERVAL * BURST;
        if wait.is_positive() {
            return Some(wait);
        }
        *full_at = now + missing + REFILL_INTERVAL;
        None
    }
}

fn network(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => {
            let prefix = u128::MAX << (Ipv6Addr::BITS - IPV6_PREFIX_BITS);
            Ipv6Addr::from_bits(address.to_bits() & prefix).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn twenty_failures_at_once_then_one_every_five_seconds() {
        let (rate_limiter, client) = (RateLimiter::default(), address("192.0.2.1"));
        for _ in 0..BURST {
            assert_eq!(rate_limiter.record_failure(client, at(0)), None);
        }
        assert_eq!(rate_limiter.record_failure(client, at(0)), Some(REFILL_INTERVAL));
        assert_eq!(rate_limiter.record_failure(client, at(3)), Some(Duration::seconds(2)));
        assert_eq!(rate_limiter.record_failure(client, at(5)), None);
        assert_eq!(rate_limiter.record_failure(client, at(5)), Some(REFILL_INTERVAL));
        assert_eq!(rate_limiter.record_failure(address("192.0.2.2"), at(5)), None);
        // All is forgiven in the end.
        for _ in 0..BURST {
            assert_eq!(rate_limiter.record_failure(client, at(1_000)), None);
        }
    }

    #[test]
    fn the_addresses_of_one_network_are_one() {
        let rate_limiter = RateLimiter::default();
        for last in 0..BURST {
            assert_eq!(rate_limiter.record_failure(address(&format!("2001:db8::{last:x}")), at(0)), None);
        }
        assert!(rate_limiter.record_failure(address("2001:db8::ffff:1"), at(0)).is_some());
        assert_eq!(rate_limiter.record_failure(address("2001:db8:0:1::1"), at(0)), None);
    }

    #[test]
    fn a_clock_that_was_set_back_locks_nobody_out_for_long() {
        let (rate_limiter, client) = (RateLimiter::default(), address("192.0.2.1"));
        rate_limiter.record_failure(client, at(1_000_000));
        assert!(rate_limiter.record_failure(client, at(0)).is_none_or(|wait| wait <= REFILL_INTERVAL));
    }

    #[test]
    fn memory_is_bounded() {
        let rate_limiter = RateLimiter::default();
        for number in 0..3 * u32::try_from(MAX_CLIENTS).expect("small") {
            rate_limiter.record_failure(IpAddr::V4(number.into()), at(0));
        }
        assert!(rate_limiter.0.lock().expect("nothing panics").len() <= MAX_CLIENTS);
    }
}
