//! Which servers a channel may point to: anything that the owner can reach, but never the addresses at which a cloud
//! hands out credentials. On Lambda, private addresses are those of the cloud, and none of them is allowed.
//!
//! Names are checked as they are resolved for a connection, so that a name which changes between two look-ups gains
//! nothing; addresses in URLs are checked by themselves, since nothing resolves them.
//!
//! Sources: RFC 6890 (special-purpose addresses), RFC 6598 (shared address space), RFC 4193 (unique local addresses); ways
//! to write an IPv4 address as IPv6: RFC 4291 section 2.5.5, RFC 6052 and RFC 8215 (NAT64), RFC 3056 (6to4), RFC 4380
//! (Teredo); the documentation of AWS, Azure, Google Cloud, Alibaba Cloud and Oracle Cloud on instance metadata.

use std::{
    error, fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::runtime::Runtime;

/// Link-local addresses, and those at which clouds describe their machines, with credentials.
const NEVER: [IpNet; 8] = [
    v4(Ipv4Addr::new(169, 254, 0, 0), 16),
    // Azure.
    v4(Ipv4Addr::new(168, 63, 129, 16), 32),
    // Alibaba Cloud.
    v4(Ipv4Addr::new(100, 100, 100, 200), 32),
    // Oracle Cloud.
    v4(Ipv4Addr::new(192, 0, 0, 192), 32),
    v6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    // AWS.
    v6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0), 32),
    // Google Cloud.
    v6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0), 32),
    // NAT64 within a network, where an IPv4 address can stand at several places.
    v6(Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48),
];

/// Addresses that are not of the internet: of this machine, of private networks, of carriers, of groups, and unused ones.
const PRIVATE: [IpNet; 15] = [
    v4(Ipv4Addr::UNSPECIFIED, 8),
    v4(Ipv4Addr::new(10, 0, 0, 0), 8),
    v4(Ipv4Addr::new(100, 64, 0, 0), 10),
    v4(Ipv4Addr::new(127, 0, 0, 0), 8),
    v4(Ipv4Addr::new(172, 16, 0, 0), 12),
    v4(Ipv4Addr::new(192, 0, 0, 0), 24),
    v4(Ipv4Addr::new(192, 168, 0, 0), 16),
    v4(Ipv4Addr::new(198, 18, 0, 0), 15),
    v4(Ipv4Addr::new(224, 0, 0, 0), 3),
    v6(Ipv6Addr::UNSPECIFIED, 128),
    v6(Ipv6Addr::LOCALHOST, 128),
    v6(Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64),
    v6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    v6(Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10),
    v6(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
];

const fn v4(address: Ipv4Addr, prefix: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(address, prefix))
}

const fn v6(address: Ipv6Addr, prefix: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(address, prefix))
}

/// A server that no channel may point to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forbidden;

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server is at an address that channels may not point to")
    }
}

impl error::Error for Forbidden {}

impl Forbidden {
    /// Whether it is among the causes of an error.
    pub(super) fn caused(error: &(dyn error::Error + 'static)) -> bool {
        std::iter::successors(Some(error), |error| error.source()).any(<dyn error::Error>::is::<Self>)
    }
}

/// Checks the host of a URL if it is an IP address; names are checked by [`Guard`], when they are resolved.
pub fn check(url: &Url, runtime: Runtime) -> Result<(), Forbidden> {
    let address: IpAddr = match url.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        Some(Host::Domain(_)) | None => return Ok(()),
    };
    if is_allowed(address, runtime) { Ok(()) } else { Err(Forbidden) }
}

/// Resolves names as the system does, and leaves out what no channel may point to.
#[derive(Debug)]
pub struct Guard(pub Runtime);

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let runtime = self.0;
        Box::pin(async move {
            // The client puts the port of the URL in its place.
            let resolved: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> =
                resolved.iter().copied().filter(|it| is_allowed(it.ip(), runtime)).collect();
            if allowed.is_empty() && !resolved.is_empty() {
                return Err(Forbidden.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether channels of a program with this runtime may point to an IP address.
fn is_allowed(address: IpAddr, runtime: Runtime) -> bool {
    let is_in = |networks: &[IpNet], address: IpAddr| networks.iter().any(|it| it.contains(&address));
    let is_forbidden =
        |address| is_in(&NEVER, address) || runtime == Runtime::Lambda && is_in(&PRIVATE, address);
    let embedded = match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => embedded(address).map(IpAddr::V4),
    };
    !is_forbidden(address) && !embedded.is_some_and(is_forbidden)
}

/// Returns the IPv4 address that an IPv6 address leads to.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let from = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        // IPv4-mapped, IPv4-compatible, translated (SIIT), NAT64, and 6to4.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => Some(from(high, low)),
        // Teredo, which writes the bits the other way around.
        [0x2001, 0, .., high, low] => Some(from(!high, !low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(address: &str, runtime: Runtime) -> bool {
        let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        let url = Url::parse(&format!("https://{host}/hook")).expect("a URL");
        check(&url, runtime).is_ok()
    }

    #[test]
    fn link_local_and_metadata_addresses_are_forbidden_however_they_are_written() {
        for address in [
            "169.254.169.254",
            "169.254.170.2",
            "0xa9fea9fe",
            "2852039166",
            "0251.0376.0251.0376",
            "169.254.43518",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1",
            "2002:a9fe:a9fe::1",
            "2001:0:4136:e378:8000:63bf:5601:5601",
        ] {
            for runtime in [Runtime::Server, Runtime::Lambda] {
                assert!(!allowed(address, runtime), "{address}");
            }
        }
    }

    #[test]
    fn private_addresses_are_for_servers_alone() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.178.20",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::1",
            "fd12:3456::1",
            "fec0::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:7f00:1::",
        ] {
            assert!(allowed(address, Runtime::Server), "{address}");
            assert!(!allowed(address, Runtime::Lambda), "{address}");
        }
    }

    #[test]
    fn the_internet_is_allowed() {
        for address in ["93.184.215.14", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:1.1.1.1"] {
            for runtime in [Runtime::Server, Runtime::Lambda] {
                assert!(allowed(address, runtime), "{address}");
            }
        }
    }

    #[tokio::test]
    async fn names_are_checked_when_they_are_resolved() {
        let resolve = async |runtime, name: &str| Guard(runtime).resolve(name.parse().expect("a name")).await;
        assert!(resolve(Runtime::Server, "localhost").await.expect("addresses").next().is_some());
        let error = resolve(Runtime::Lambda, "localhost").await.map(drop).expect_err("none");
        assert!(Forbidden::caused(error.as_ref()));
    }
}
