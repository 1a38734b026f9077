//! How many viewers there may be at API Gateway, in all and of one client IP.

use std::net::IpAddr;

use sha2::{Digest, Sha256};

use crate::{secret::Secret, shares};

/// The places of viewers. A client has a share of them, and is known by a number: the database is to hold no IP address.
///
/// A number has 16 bits of a hash of the IP address and of a key that the database does not hold. Without the key it says
/// nothing about its client; with it, 65,536 IPv4 addresses fit each number. That is enough to share places out: at most
/// 16 clients can have used up their shares, so another one has the number of one of those in 1 of 4,096 cases at most.
#[derive(Debug)]
pub struct Places {
    pub(super) max: i64,
    pub(super) max_per_client: i64,
    key: Secret<[u8; 32]>,
}

impl Places {
    /// Returns `max` places. `key` is a text that is the same in all processes that share a database.
    #[must_use]
    pub fn new(max: usize, key: &str) -> Self {
        let [max, max_per_client] =
            [max, shares::max_per_client(max)].map(|number| i64::try_from(number).unwrap_or(i64::MAX));
        let key = Sha256::new().chain_update("heartbeat: numbers of clients: ").chain_update(key).finalize();
        Self { max, max_per_client, key: Secret::new(key.into()) }
    }

    /// Returns the number that stands for a client.
    pub(super) fn client_number(&self, client: IpAddr) -> i16 {
        let ip = match client {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let hash = Sha256::new().chain_update(self.key.expose()).chain_update(ip.octets()).finalize();
        let [first, second, ..] = <[u8; 32]>::from(hash);
        i16::from_be_bytes([first, second])
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_number_depends_on_the_client_and_on_the_key() {
        let numbers = |key: &str| -> Vec<i16> {
            let places = Places::new(100, key);
            (0..8).map(|client| places.client_number(Ipv4Addr::from_bits(client).into())).collect()
        };
        assert_eq!(numbers("a key"), numbers("a key"));
        assert_ne!(numbers("a key"), numbers("another key"));
        assert!(numbers("a key").windows(2).any(|pair| pair[0] != pair[1]));
    }
}
