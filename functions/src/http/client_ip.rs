//! Client IP of a request. Rate limits and shares count by it; it stays in memory for a while, and is never logged.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::{HeaderMap, header::FORWARDED};
use heartbeat_core::{Config, config::HeaderName};
use ipnet::IpNet;

/// Prefix length by which IPv6 clients are counted: a subscriber usually has a whole /64.
const IPV6_PREFIX_BITS: u32 = 64;

/// Other end of the connection. The runtime that accepts a request puts it into the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Another host, by its IP address.
    Ip(IpAddr),
    /// A process of this machine, through a Unix socket. Only proxies connect there, so it is trusted.
    Local,
}

impl Peer {
    /// Returns the IP address of a peer that is not trusted to speak for others.
    #[must_use]
    pub fn untrusted_ip(self, trusted: &[IpNet]) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(ip.to_canonical()).filter(|ip| !is_trusted(*ip, trusted)),
            Self::Local => None,
        }
    }
}

/// Client IP of a request, in its extensions; `None` if it is unknown. The middleware puts it there.
#[derive(Debug, Clone, Copy)]
pub struct ClientIp(pub Option<IpAddr>);

impl ClientIp {
    /// Returns the client IP of a request from `peer`.
    pub(crate) fn of(peer: Peer, headers: &HeaderMap, config: &Config) -> Self {
        Self(client_ip(peer, headers, &config.trusted_proxies, &config.client_ip_header))
    }
}

/// Returns the IP address by which a client is counted: its own, or the first one of its IPv6 prefix.
#[must_use]
pub fn share_key(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(ip) => {
            let prefix = u128::MAX << (Ipv6Addr::BITS - IPV6_PREFIX_BITS);
            Ipv6Addr::from_bits(ip.to_bits() & prefix).into()
        }
    }
}

fn is_trusted(ip: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&ip))
}

/// Returns the client IP: the peer's or, if the peer is a trusted proxy, the last one before it that is not a trusted
/// proxy. `None` if it is unknown.
pub(crate) fn client_ip(
    peer: Peer,
    headers: &HeaderMap,
    trusted: &[IpNet],
    header: &HeaderName,
) -> Option<IpAddr> {
    if let Some(ip) = peer.untrusted_ip(trusted) {
        return Some(ip);
    }
    // Each proxy appends the IP address of its peer. Entries to the left of the first untrusted one may be forged.
    let mut client = None;
    for forwarded in forwarded_for(headers, header).into_iter().rev() {
        client = forwarded;
        if forwarded.is_none_or(|ip| !is_trusted(ip, trusted)) {
            break;
        }
    }
    client
}

/// Returns the IP addresses in the `header` that the proxies write, in their order: in the format of `Forwarded`
/// (RFC 7239), or separated by commas as in `X-Forwarded-For`. `None` stands for an entry that is not an IP address.
fn forwarded_for(headers: &HeaderMap, header: &HeaderName) -> Vec<Option<IpAddr>> {
    let parse = if header == FORWARDED { parse_element } else { parse_node };
    // Taken apart as bytes: a client's entry that is no text leaves those of the proxies alone.
    let entries =
        headers.get_all(header).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    entries.map(|entry| std::str::from_utf8(entry).ok().and_then(parse)).collect()
}

/// Parses an element of `Forwarded`, such as `for=192.0.2.1;proto=https`.
fn parse_element(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| name.eq_ignore_ascii_case("for")).and_then(|(_, node)| parse_node(node))
}

/// Parses an IP address as proxies write it: with or without quotes, brackets and port.
fn parse_node(node: &str) -> Option<IpAddr> {
    let node = node.trim().trim_matches('"');
    if let Some(rest) = node.strip_prefix('[') {
        let (ip, _) = rest.split_once(']')?;
        return ip.parse::<Ipv6Addr>().ok().map(|ip| IpAddr::V6(ip).to_canonical());
    }
    let without_port = node.rsplit_once(':').filter(|(host, _)| !host.contains(':')).map(|(host, _)| host);
    without_port.unwrap_or(node).parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

    /// Returns the client IP where proxies in `10.0.0.0/8` and at `::1` write `believed`.
    fn client(peer: Peer, headers: &[(&'static str, &[u8])], believed: &HeaderName) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value).expect("a header"));
        }
        let trusted = ["10.0.0.0/8".parse().expect("a network"), "::1/128".parse().expect("a network")];
        client_ip(peer, &map, &trusted, believed).map(|ip| ip.to_string())
    }

    fn from(ip: &str) -> Peer {
        Peer::Ip(ip.parse().expect("an IP address"))
    }

    #[test]
    fn untrusted_peers_are_not_believed() {
        for (name, value) in [(X_FORWARDED_FOR, &b"192.0.2.1"[..]), (FORWARDED, b"for=192.0.2.1")] {
            let client = client(from("203.0.113.9"), &[(name.as_str().to_owned().leak(), value)], &name);
            assert_eq!(client.as_deref(), Some("203.0.113.9"));
        }
        assert_eq!(client(from("::ffff:203.0.113.9"), &[], &X_FORWARDED_FOR).as_deref(), Some("203.0.113.9"));
    }

    #[test]
    fn the_last_ip_that_is_no_trusted_proxy_is_the_client() {
        for (believed, headers) in [
            (X_FORWARDED_FOR, &[("x-forwarded-for", &b"1.1.1.1, 192.0.2.1, 10.0.0.7"[..])][..]),
            (
                X_FORWARDED_FOR,
                &[("x-forwarded-for", b"1.1.1.1, 192.0.2.1"), ("x-forwarded-for", b"10.0.0.7")],
            ),
            (
                FORWARDED,
                &[(
                    "forwarded",
                    b"for=1.1.1.1, for=192.0.2.1;proto=https;by=10.0.0.1, For=\"10.0.0.7:4711\"",
                )],
            ),
            (HeaderName::from_static("x-real-ip"), &[("x-real-ip", b"192.0.2.1")]),
        ] {
            for peer in [from("10.0.0.1"), from("::1"), Peer::Local] {
                assert_eq!(client(peer, headers, &believed).as_deref(), Some("192.0.2.1"), "{headers:?}");
            }
        }
        let ipv6 = [("forwarded", &b"for=\"[2001:db8::17]:4711\""[..])];
        assert_eq!(client(Peer::Local, &ipv6, &FORWARDED).as_deref(), Some("2001:db8::17"));
    }

    #[test]
    fn a_header_that_the_proxies_do_not_write_is_not_believed() {
        let headers = [("forwarded", &b"for=1.1.1.1"[..]), ("x-forwarded-for", b"192.0.2.1")];
        assert_eq!(client(Peer::Local, &headers, &X_FORWARDED_FOR).as_deref(), Some("192.0.2.1"));
        assert_eq!(client(Peer::Local, &headers, &FORWARDED).as_deref(), Some("1.1.1.1"));
        assert_eq!(client(Peer::Local, &headers[..1], &X_FORWARDED_FOR), None);
    }

    #[test]
    fn bytes_that_are_no_text_hide_no_entry_of_a_proxy() {
        let headers = [("x-forwarded-for", &b"\xff, 192.0.2.1"[..])];
        assert_eq!(client(Peer::Local, &headers, &X_FORWARDED_FOR).as_deref(), Some("192.0.2.1"));
        let headers = [("forwarded", &b"for=\"\xe9\", for=192.0.2.1"[..])];
        assert_eq!(client(Peer::Local, &headers, &FORWARDED).as_deref(), Some("192.0.2.1"));
    }

    #[test]
    fn an_unknown_client_ip_is_not_made_up() {
        for (believed, value) in [
            (X_FORWARDED_FOR, &b""[..]),
            (X_FORWARDED_FOR, b"1.1.1.1, unknown"),
            (X_FORWARDED_FOR, b"1.1.1.1, \xff"),
            (FORWARDED, b"for=1.1.1.1, for=_hidden, for=10.0.0.2"),
            (FORWARDED, b"[[[;;=,,\""),
        ] {
            let headers = [(believed.as_str().to_owned().leak() as &str, value)];
            assert_eq!(client(from("10.0.0.1"), &headers, &believed), None, "{headers:?}");
        }
        assert_eq!(client(from("10.0.0.1"), &[], &X_FORWARDED_FOR), None);
    }
}
