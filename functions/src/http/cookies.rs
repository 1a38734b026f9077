//! Cookies of the owner, which hold secrets: over which connections they are given, how they are named, set and read.
//! Visitors get none.

use axum::http::{
    HeaderMap, HeaderValue, Uri,
    header::{COOKIE, HOST, SET_COOKIE},
    uri::Authority,
};
use heartbeat_core::config::HeaderName;
use time::Duration;
use url::Url;

/// Connections over which a secret may be given to a browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// Through HTTPS, as `live_url` says.
    Https,
    /// Plain HTTP that does not leave the machine.
    Loopback,
}

impl Transport {
    /// Returns how a request arrived; `None` if others on the way may have read it. What a proxy forwarded, which has its
    /// `forwarded_header`, came from elsewhere, even if it names this machine as the host: many a proxy writes that.
    pub(crate) fn of(
        uri: &Uri,
        headers: &HeaderMap,
        live_url: &Url,
        forwarded_header: &HeaderName,
    ) -> Option<Self> {
        if live_url.scheme() == "https" {
            return Some(Self::Https);
        }
        let is_forwarded = headers.contains_key(forwarded_header);
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
}

/// Returns the host that a request is for, with its port if it names one.
pub(crate) fn requested_host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let named = headers.get(HOST).and_then(|host| host.to_str().ok());
    // HTTP/2 has it in the URI.
    uri.authority().map(Authority::as_str).or(named)
}

/// Whether a host is this machine itself. Names that others can have resolve here are not.
pub(super) fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let name = name.map_or(host, |(name, _)| name);
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|known| name.eq_ignore_ascii_case(known))
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
    use super::*;

    fn transport(live_url: &str, host: &str, forwarded: bool) -> Option<Transport> {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().expect("a header"));
        let forwarded_header = HeaderName::from_static("x-forwarded-for");
        if forwarded {
            headers.insert(&forwarded_header, HeaderValue::from_static("192.0.2.1"));
        }
        let live_url = live_url.parse().expect("a URL");
        Transport::of(&Uri::from_static("/manage"), &headers, &live_url, &forwarded_header)
    }

    #[test]
    fn plain_http_carries_secrets_on_this_machine_alone() {
        let plain = "http://127.0.0.1:6060";
        for host in
            ["localhost", "localhost:6060", "LocalHost:1", "127.0.0.1", "127.0.0.1:6060", "[::1]:6060"]
        {
            assert_eq!(transport(plain, host, false), Some(Transport::Loopback), "{host}");
            assert_eq!(transport(plain, host, true), None, "{host} through a proxy");
        }
        for host in
            ["192.168.1.7:6060", "localhost.example.org", "127.0.0.1.example.org:6060", "x:localhost", ""]
        {
            assert_eq!(transport(plain, host, false), None, "{host}");
            assert_eq!(transport("https://beat.example.org", host, true), Some(Transport::Https), "{host}");
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
