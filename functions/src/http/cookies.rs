//! Cookies of the owner, which hold secrets: over which connections they are given, how they are named, set and read.
//! Visitors get none.

use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Uri,
    header::{COOKIE, FORWARDED, HOST, SET_COOKIE},
    request::Parts,
    uri::Authority,
};
use heartbeat_core::Config;
use ipnet::IpNet;
use time::Duration;
use url::Url;

use super::client_ip::Peer;

/// Says by which scheme a proxy was reached.
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Mark of a request that came through HTTPS, in its extensions. A runtime puts it there that knows it for certain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Encrypted;

/// Connections over which a secret may be given to a browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// Through HTTPS, at `live_url`.
    Https,
    /// Plain HTTP that does not leave the machine.
    Loopback,
}

impl Transport {
    /// Returns how a request arrived; `None` if others on the way may have read it.
    pub(crate) fn of(parts: &Parts, config: &Config, live_url: &Url) -> Option<Self> {
        let (uri, headers) = (&parts.uri, &parts.headers);
        if live_url.scheme() == "https" {
            let is_encrypted = parts.extensions.get::<Encrypted>().is_some()
                || is_forwarded_from_https(parts.extensions.get(), headers, &config.trusted_proxies);
            return (is_encrypted || is_host_of(live_url, requested_host(uri, headers)?))
                .then_some(Self::Https);
        }
        // What a proxy forwarded came from elsewhere, even if it names this machine as the host: many a proxy writes that.
        let is_forwarded = headers.contains_key(&config.client_ip_header);
        (!is_forwarded && is_loopback(requested_host(uri, headers)?)).then_some(Self::Loopback)
    }

    /// Returns the full name of a cookie. The prefix has browsers keep it from other hosts, but demands HTTPS (RFC 6265bis,
    /// section 4.1.3.2).
    pub(crate) fn full_name(self, name: CookieName) -> &'static str {
        match (self, name) {
            (Self::Https, CookieName::Session) => "__Host-heartbeat",
            (Self::Loopback, CookieName::Session) => "heartbeat_session",
            (Self::Https, CookieName::Handover) => "__Host-heartbeat-handover",
            (Self::Loopback, CookieName::Handover) => "heartbeat_handover",
            (Self::Https, CookieName::WebhookSecret) => "__Host-heartbeat-webhook",
            (Self::Loopback, CookieName::WebhookSecret) => "heartbeat_webhook",
        }
    }

    /// Returns the value of a cookie that a request carries.
    pub(crate) fn read(self, headers: &HeaderMap, name: CookieName) -> Option<&str> {
        value_of(headers, self.full_name(name))
    }

    /// Has the browser keep a cookie, whose value is of characters that need no quotes, for as long as `max_age`.
    pub(crate) fn set(self, headers: &mut HeaderMap, name: CookieName, value: &str, max_age: Duration) {
        let secure = if self == Self::Https { "; Secure" } else { "" };
        let cookie = format!(
            "{}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{secure}",
            self.full_name(name),
            max_age.whole_seconds(),
        );
        let mut cookie = HeaderValue::try_from(cookie).expect("visible characters");
        cookie.set_sensitive(true);
        headers.append(SET_COOKIE, cookie);
    }

    /// Has the browser forget a cookie.
    pub(crate) fn remove(self, headers: &mut HeaderMap, name: CookieName) {
        self.set(headers, name, "", Duration::ZERO);
    }
}

/// Which of the cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CookieName {
    /// The owner's session.
    Session,
    /// What the next page shows, and no other.
    Handover,
    /// The secret of a webhook, which the next page shows, and no other.
    WebhookSecret,
}

/// Returns the host that a request is for, with its port if it names one.
pub(crate) fn requested_host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let named = headers.get(HOST).and_then(|host| host.to_str().ok());
    // HTTP/2 has it in the URI.
    uri.authority().map(Authority::as_str).or(named)
}

/// Whether a trusted proxy says that it was reached through HTTPS.
fn is_forwarded_from_https(peer: Option<&Peer>, headers: &HeaderMap, trusted: &[IpNet]) -> bool {
    let is_trusted = peer.is_some_and(|peer| peer.untrusted_ip(trusted).is_none());
    // The last entry is that of the proxy itself; others may be a client's invention.
    let last = |name| {
        let value = headers.get_all(name).iter().next_back().and_then(|value| value.to_str().ok());
        value.and_then(|value| value.rsplit(',').next())
    };
    let is_https = last(X_FORWARDED_PROTO).is_some_and(|proto| proto.trim().eq_ignore_ascii_case("https"));
    let mut pairs = last(FORWARDED).unwrap_or_default().split(';').map(str::trim);
    is_trusted && (is_https || pairs.any(|pair| pair.eq_ignore_ascii_case("proto=https")))
}

/// Whether a request for this host is one for `live_url`, or comes from this machine. A request that names another host may
/// have come around the proxy that ends HTTPS.
fn is_host_of(live_url: &Url, host: &str) -> bool {
    let (name, port) = split_port(host);
    let is_named = live_url.host_str().is_some_and(|own| own.eq_ignore_ascii_case(name));
    let is_at_port = port.is_none_or(|port| port.parse().ok() == live_url.port_or_known_default());
    is_named && is_at_port || is_loopback(host)
}

/// Whether a host is this machine itself. Names that others can have resolve here are not.
pub(super) fn is_loopback(host: &str) -> bool {
    let (name, _) = split_port(host);
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Splits a host into its name and its port, if it has one.
fn split_port(host: &str) -> (&str, Option<&str>) {
    let split = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    split.map_or((host, None), |(name, port)| (name, Some(port)))
}

/// Returns the value of the first cookie of this name. Those of other programs on this host may hold any bytes.
fn value_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    let mut pairs = lines.flat_map(|line| line.split(|byte| *byte == b';')).map(<[u8]>::trim_ascii);
    let value = pairs.find_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
    str::from_utf8(value).ok()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use heartbeat_core::config::{Environment, Flags, Profile};

    use super::*;

    /// Returns how a request of a peer to a server behind a trusted proxy at 10.0.0.1 arrived.
    fn transport(live_url: &str, peer: &str, headers: &[(&'static str, &str)]) -> Option<Transport> {
        let environment = Environment {
            variables: [("HEARTBEAT_TRUSTED_PROXIES".into(), "10.0.0.1".into())].into(),
            user_folder: Some("/home/ada".into()),
            in_container: false,
            profile: Profile::Release,
        };
        let config = Config::load(&Flags::default(), &environment).expect("a sound configuration");
        let mut request = Request::get("/manage");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut parts = request.body(()).expect("a request").into_parts().0;
        parts.extensions.insert(Peer::Ip(peer.parse().expect("an IP address")));
        Transport::of(&parts, &config, &live_url.parse().expect("a URL"))
    }

    #[test]
    fn plain_http_carries_secrets_on_this_machine_alone() {
        let plain = |headers: &[_]| transport("http://127.0.0.1:6060", "192.0.2.1", headers);
        for host in
            ["localhost", "localhost:6060", "LocalHost:1", "127.0.0.1", "127.0.0.1:6060", "[::1]:6060"]
        {
            assert_eq!(plain(&[("host", host)]), Some(Transport::Loopback), "{host}");
            let forwarded = [("host", host), ("x-forwarded-for", "192.0.2.1")];
            assert_eq!(plain(&forwarded), None, "{host} through a proxy");
        }
        for host in
            ["192.168.1.7:6060", "localhost.example.org", "127.0.0.1.example.org:6060", "x:localhost", ""]
        {
            assert_eq!(plain(&[("host", host)]), None, "{host}");
        }
    }

    #[test]
    fn behind_https_only_what_came_through_it_carries_secrets() {
        let arrived = |host, peer, header: (&'static str, &str)| {
            transport("https://beat.example.org", peer, &[("host", host), header]).is_some()
        };
        let none = ("x", "");
        for host in ["beat.example.org", "Beat.Example.org:443", "localhost:6060", "[::1]:6060"] {
            assert!(arrived(host, "192.0.2.1", none), "{host}");
        }
        for host in ["192.168.1.7:6971", "beat.example.org:6060", "beat.example.org.evil.example", ""] {
            assert!(!arrived(host, "10.0.0.1", none), "{host}");
            for (name, value, is_https) in [
                ("x-forwarded-proto", "https", true),
                ("x-forwarded-proto", "http, https", true),
                ("x-forwarded-proto", "https, http", false),
                ("forwarded", "for=192.0.2.1;proto=https", true),
                ("forwarded", "proto=https, for=192.0.2.1", false),
            ] {
                assert_eq!(arrived(host, "10.0.0.1", (name, value)), is_https, "{host} {name}: {value}");
                assert!(!arrived(host, "192.0.2.1", (name, value)), "{host} {name}: {value}");
            }
        }
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; heartbeat_session_2=no; b"));
        headers.append(COOKIE, HeaderValue::from_bytes("name=J\u{f6}rg".as_bytes()).expect("a header"));
        headers.append(COOKIE, HeaderValue::from_bytes(b"nick=J\xf6rg; heartbeat=no").expect("a header"));
        headers.append(COOKIE, HeaderValue::from_static("__Host-heartbeat-handover=x;heartbeat_session=a=b"));
        assert_eq!(Transport::Loopback.read(&headers, CookieName::Session), Some("a=b"));
        assert_eq!(Transport::Https.read(&headers, CookieName::Session), None);
        assert_eq!(Transport::Https.read(&headers, CookieName::Handover), Some("x"));
    }
}
