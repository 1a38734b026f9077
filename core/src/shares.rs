//! Shares: how much of something a client IP may take, so that no one takes it all.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A client IP may have one in this many of all places, so that it takes many hosts to take all. Many people may share an IP
/// address.
const SHARES: usize = 16;

/// Places that a client IP may have at least, if there are as many.
const SHARE_MIN: usize = 32;

/// Returns how many of `max` places a client IP may have: connections and viewers are shared out so.
#[must_use]
pub fn max_per_client(max: usize) -> usize {
    (max / SHARES).max(SHARE_MIN).min(max)
}

/// Places that clients take for a while: at most so many in all, and so many for each client. Clients whose IP address
/// is unknown have no share.
#[derive(Debug)]
pub struct Shares {
    max: usize,
    max_per_client: usize,
    taken: Mutex<HashMap<Option<IpAddr>, usize>>,
}

/// A place that was taken, free again on drop.
#[derive(Debug)]
pub struct Share<'a> {
    shares: &'a Shares,
    client: Option<IpAddr>,
}

impl Shares {
    /// Returns `max` places, of which a client may take `max_per_client`.
    #[must_use]
    pub fn new(max: usize, max_per_client: usize) -> Self {
        Self { max, max_per_client, taken: Mutex::default() }
    }

    /// Takes a place for `client`. `None` if all are taken, or as many as it may take.
    pub fn take(&self, client: Option<IpAddr>) -> Option<Share<'_>> {
        let mut taken = self.taken();
        let of_client = taken.get(&client).copied().unwrap_or_default();
        let is_over_share = client.is_some() && of_client >= self.max_per_client;
        if is_over_share || taken.values().sum::<usize>() >= self.max {
            return None;
        }
        taken.insert(client, of_client + 1);
        Some(Share { shares: self, client })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Option<IpAddr>, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        if let Entry::Occupied(mut of_client) = self.shares.taken().entry(self.client) {
            *of_client.get_mut() -= 1;
            if *of_client.get() == 0 {
                of_client.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_a_share_that_suffices_for_a_household() {
        for (max, share) in [(16_384, 1_024), (448, 32), (16, 16), (0, 0)] {
            assert_eq!(max_per_client(max), share, "{max}");
        }
    }

    #[test]
    fn places_are_bounded_in_all_and_for_each_client() {
        let shares = Shares::new(64, 16);
        let client = |number: u32| Some(IpAddr::V4(number.into()));
        let first: Vec<_> = (0..16).filter_map(|_| shares.take(client(1))).collect();
        assert!(first.len() == 16 && shares.take(client(1)).is_none());
        let others: Vec<_> = (2..1_000).map_while(|number| shares.take(client(number))).collect();
        assert_eq!(first.len() + others.len(), 64);
        drop((first, others));
        assert!(shares.taken().is_empty());
    }
}
