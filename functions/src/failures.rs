//! Failed attempts to authenticate, slowed down by address: a bucket of [`BURST`] tokens for each, of which a
//! failure takes one and each [`PERIOD`] brings one back. Whoever presents what is valid is never held up,
//! whatever others do behind the same address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
};

use time::{Duration, OffsetDateTime};

/// Failures that one address may have at once.
const BURST: i32 = 20;

/// How long it takes until it may have another one. A device whose token was replaced, and that beats once a
/// minute, stays far below.
const PERIOD: Duration = Duration::seconds(5);

/// Addresses that are remembered.
const LIMIT: usize = 10_000;

/// Whoever has an IPv6 address has this many of its leading bits, and all addresses behind them.
const IPV6_PREFIX: u32 = 64;

/// The failures of late: for each address, when its bucket will be full again.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<HashMap<IpAddr, OffsetDateTime>>);

impl Failures {
    /// Takes note of a failure at `now`; returns how long to wait if there were too many.
    pub(crate) fn note(&self, client: IpAddr, now: OffsetDateTime) -> Option<Duration> {
        let mut full_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if full_at.len() >= LIMIT {
            full_at.retain(|_, full_at| *full_at > now);
            // Attackers with as many addresses as that are not slowed down by counting them.
            if full_at.len() >= LIMIT {
                full_at.clear();
            }
        }
        let full_at = full_at.entry(network(client)).or_insert(now);
        // A clock that was set back must not make anybody wait for longer than a whole bucket.
        let missing = (*full_at - now).clamp(Duration::ZERO, PERIOD * BURST);
        let wait = missing + PERIOD - PERIOD * BURST;
        if wait.is_positive() {
            return Some(wait);
        }
        *full_at = now + missing + PERIOD;
        None
    }
}

fn network(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => {
            let prefix = u128::MAX << (Ipv6Addr::BITS - IPV6_PREFIX);
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
        let (failures, client) = (Failures::default(), address("192.0.2.1"));
        for _ in 0..BURST {
            assert_eq!(failures.note(client, at(0)), None);
        }
        assert_eq!(failures.note(client, at(0)), Some(PERIOD));
        assert_eq!(failures.note(client, at(3)), Some(Duration::seconds(2)));
        assert_eq!(failures.note(client, at(5)), None);
        assert_eq!(failures.note(client, at(5)), Some(PERIOD));
        assert_eq!(failures.note(address("192.0.2.2"), at(5)), None);
        // All is forgiven in the end.
        for _ in 0..BURST {
            assert_eq!(failures.note(client, at(1_000)), None);
        }
    }

    #[test]
    fn the_addresses_of_one_network_are_one() {
        let failures = Failures::default();
        for last in 0..BURST {
            assert_eq!(failures.note(address(&format!("2001:db8::{last:x}")), at(0)), None);
        }
        assert!(failures.note(address("2001:db8::ffff:1"), at(0)).is_some());
        assert_eq!(failures.note(address("2001:db8:0:1::1"), at(0)), None);
    }

    #[test]
    fn a_clock_that_was_set_back_locks_nobody_out_for_long() {
        let (failures, client) = (Failures::default(), address("192.0.2.1"));
        failures.note(client, at(1_000_000));
        assert!(failures.note(client, at(0)).is_none_or(|wait| wait <= PERIOD));
    }

    #[test]
    fn memory_is_bounded() {
        let failures = Failures::default();
        for number in 0..3 * u32::try_from(LIMIT).expect("small") {
            failures.note(IpAddr::V4(number.into()), at(0));
        }
        assert!(failures.0.lock().expect("nothing panics").len() <= LIMIT);
    }
}
