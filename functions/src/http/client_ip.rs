//! From which address a request came. It is used to count failed attempts, kept in memory for a
//! while, and never logged.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::{HeaderMap, header::FORWARDED};
use ipnet::IpNet;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// Who is at the other end of the connection, put into each request by whoever took it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Another host, by its IP address.
    Ip(IpAddr),
    /// A process of this machine, through a Unix socket: only a proxy connects there.
    Local,
}

/// The address of the client: the peer's, or, where the peer is a proxy that may be believed, the last one
/// before it that is no such proxy. `None` if nobody says.
pub(crate) fn client_ip(peer: Peer, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    match peer {
        Peer::Ip(address) if !is_trusted(address.to_canonical()) => return Some(address.to_canonical()),
        Peer::Ip(_) | Peer::Local => {}
    }
    // Each proxy appends whom it got the request from; what is to the left of the first that is not ours
    // may be made up.
    let mut named = None;
    for address in forwarded_for(headers).into_iter().rev() {
        named = address;
        if address.is_none_or(|address| !is_trusted(address)) {
            break;
        }
    }
    named
}

/// The addresses in `Forwarded` (RFC 7239), or else in `X-Forwarded-For`, in their order; `None` for one that
/// cannot be read.
fn forwarded_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let values = |name: &str| -> Vec<String> {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).map(|part| part.trim().to_owned()).collect()
    };
    if !headers.contains_key(FORWARDED) {
        return values(X_FORWARDED_FOR).iter().map(|node| address(node)).collect();
    }
    let node = |element: &String| {
        let mut pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| name.eq_ignore_ascii_case("for")).and_then(|(_, node)| address(node))
    };
    values(FORWARDED.as_str()).iter().map(node).collect()
}

/// An address as proxies write it: with or without quotes, brackets and port.
fn address(node: &str) -> Option<IpAddr> {
    let node = node.trim().trim_matches('"');
    if let Some(rest) = node.strip_prefix('[') {
        let (address, _) = rest.split_once(']')?;
        return address.parse::<Ipv6Addr>().ok().map(|address| IpAddr::V6(address).to_canonical());
    }
    let without_port = node.rsplit_once(':').filter(|(host, _)| !host.contains(':')).map(|(host, _)| host);
    without_port.unwrap_or(node).parse::<IpAddr>().ok().map(|address| address.to_canonical())
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
        client_ip(peer, &map, &trusted).map(|address| address.to_string())
    }

    fn from(address: &str) -> Peer {
        Peer::Ip(address.parse().expect("an address"))
    }

    #[test]
    fn strangers_are_not_believed() {
        for name in ["x-forwarded-for", "forwarded"] {
            assert_eq!(
                client(from("203.0.113.9"), &[(name, "for=192.0.2.1")]).as_deref(),
                Some("203.0.113.9")
            );
        }
        assert_eq!(client(from("::ffff:203.0.113.9"), &[]).as_deref(), Some("203.0.113.9"));
    }

    #[test]
    fn the_last_address_that_is_no_proxy_of_ours_is_the_client() {
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
        let six = [("forwarded", "for=\"[2001:db8::17]:4711\"")];
        assert_eq!(client(Peer::Local, &six).as_deref(), Some("2001:db8::17"));
    }

    #[test]
    fn what_nobody_says_is_not_made_up() {
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
