//! Client IP of a request. Only the rate limiter uses it; it stays in memory for a while, and is never logged.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::{HeaderMap, header::FORWARDED};
use ipnet::IpNet;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// Other end of the connection. The runtime that accepts a request puts it into the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Another host, by its IP address.
    Ip(IpAddr),
    /// A process of this machine, through a Unix socket. Only proxies connect there, so it is trusted.
    Local,
}

/// Returns the client IP: the peer's or, if the peer is a trusted proxy, the last one before it that is not a trusted
/// proxy. `None` if it is unknown.
pub(crate) fn client_ip(peer: Peer, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let is_trusted = |ip: IpAddr| trusted.iter().any(|network| network.contains(&ip));
    match peer {
        Peer::Ip(ip) if !is_trusted(ip.to_canonical()) => return Some(ip.to_canonical()),
        Peer::Ip(_) | Peer::Local => {}
    }
    // Each proxy appends the IP address of its peer. Entries to the left of the first untrusted one may be forged.
    let mut client = None;
    for forwarded in forwarded_for(headers).into_iter().rev() {
        client = forwarded;
        if forwarded.is_none_or(|ip| !is_trusted(ip)) {
            break;
        }
    }
    client
}

/// Returns the IP addresses in `Forwarded` (RFC 7239) or, without that, in `X-Forwarded-For`, in their order. `None`
/// stands for an entry that is not an IP address.
fn forwarded_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let values = |name: &str| -> Vec<String> {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).map(|part| part.trim().to_owned()).collect()
    };
    if !headers.contains_key(FORWARDED) {
        return values(X_FORWARDED_FOR).iter().map(|node| parse_node(node)).collect();
    }
    let node = |element: &String| {
        let mut pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| name.eq_ignore_ascii_case("for")).and_then(|(_, node)| parse_node(node))
    };
    values(FORWARDED.as_str()).iter().map(node).collect()
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
    use super::*;

    fn client(peer: Peer, headers: &[(&'static str, &'static str)]) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a header"));
        }
        let trusted = ["10.0.0.0/8".parse().expect("a network"), "::1/128".parse().expect("a network")];
        client_ip(peer, &map, &trusted).map(|ip| ip.to_string())
    }

    fn from(ip: &str) -> Peer {
        Peer::Ip(ip.parse().expect("an IP address"))
    }

    #[test]
    fn untrusted_peers_are_not_believed() {
        for name in ["x-forwarded-for", "forwarded"] {
            assert_eq!(
                client(from("203.0.113.9"), &[(name, "for=192.0.2.1")]).as_deref(),
                Some("203.0.113.9")
            );
        }
        assert_eq!(client(from("::ffff:203.0.113.9"), &[]).as_deref(), Some("203.0.113.9"));
    }

    #[test]
    fn the_last_ip_that_is_no_trusted_proxy_is_the_client() {
        for headers in [
            &[("x-forwarded-for", "1.1.1.1, 192.0.2.1, 10.0.0.7")][..],
            &[("x-forwarded-for", "1.1.1.1, 192.0.2.1"), ("x-forwarded-for", "10.0.0.7")],
            &[("forwarded", "for=1.1.1.1, for=192.0.2.1;proto=https;by=10.0.0.1, For=\"10.0.0.7:4711\"")],
            &[("forwarded", "for=192.0.2.1"), ("x-forwarded-for", "1.1.1.1")],
        ] {
            for peer in [from("10.0.0.1"), from("::1"), Peer::Local] {
                assert_eq!(client(peer, headers).as_deref(), Some("192.0.2.1"), "{headers:?}");
            }
        }
        let ipv6 = [("forwarded", "for=\"[2001:db8::17]:4711\"")];
        assert_eq!(client(Peer::Local, &ipv6).as_deref(), Some("2001:db8::17"));
    }

    #[test]
    fn an_unknown_client_ip_is_not_made_up() {
        for headers in [
            &[][..],
            &[("x-forwarded-for", "")],
            &[("x-forwarded-for", "1.1.1.1, unknown")],
            &[("forwarded", "for=1.1.1.1, for=_hidden, for=10.0.0.2")],
            &[("forwarded", "[[[;;=,,\"")],
        ] {
            assert_eq!(client(from("10.0.0.1"), headers), None, "{headers:?}");
        }
    }
}
