//! Parsers of values. Each answers an invalid value with what it expected instead.

use std::{net::IpAddr, path::PathBuf};

pub use http::HeaderName;
use ipnet::IpNet;
use sqlx::{ConnectOptions, postgres::PgConnectOptions};
use url::Url;

use crate::{secret::Secret, token::SecretKey};

/// Parses a value that may be missing: empty text is none.
pub(super) fn optional<T>(
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, &'static str>,
) -> Result<Option<T>, &'static str> {
    if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
}

/// Parses the owner's key.
pub(super) fn secret_key(text: &str) -> Result<SecretKey, &'static str> {
    SecretKey::parse(text)
        .ok_or("at most 256 bytes that are legal in a header value, with no blank at either end")
}

/// Parses a number, from 0 up.
pub(super) fn number(text: &str) -> Result<usize, &'static str> {
    text.parse().map_err(|_| "a number")
}

/// `database.dsn`: the database.
#[derive(Debug, Clone)]
pub enum Database {
    /// A private PostgreSQL that the local server starts and stops itself.
    Embedded,
    /// A PostgreSQL that runs independently of Heartbeat.
    Server(Box<Secret<PgConnectOptions>>),
}

impl Database {
    /// Parses the word `embedded` or a PostgreSQL URL.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str =
            "a PostgreSQL URL such as postgresql://user:password@host:5432/database, or the word embedded";
        if text == "embedded" {
            return Ok(Self::Embedded);
        }
        if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err(EXPECTED);
        }
        let url = Url::parse(text).map(without_unknown_parameters).map_err(|_| EXPECTED)?;
        PgConnectOptions::from_url(&url)
            .map(|options| Self::Server(Box::new(Secret::new(options))))
            .map_err(|_| EXPECTED)
    }
}

/// Parameters of the URL that the driver knows.
const DSN_PARAMETERS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// Removes parameters that the driver does not know, such as `channel_binding`. It would log them with their values;
/// we log not even their names, since a password with a question mark looks like one.
fn without_unknown_parameters(mut url: Url) -> Url {
    let is_known = |name: &str| DSN_PARAMETERS.contains(&name) || name.starts_with("options[");
    let (known, unknown): (Vec<_>, Vec<_>) =
        url.query_pairs().into_owned().partition(|(name, _)| is_known(name));
    if !unknown.is_empty() {
        tracing::warn!("database.dsn has a parameter that is not known, and ignored");
        url.query_pairs_mut().clear().extend_pairs(known);
    }
    url
}

/// `webhook.level`: events that are notified; each level includes those below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WebhookLevel {
    /// None.
    None,
    /// An absence of more than an hour has ended.
    LongAbsences,
    /// A device was added.
    NewDevices,
    /// Every beat.
    All,
}

impl WebhookLevel {
    /// Parses the name of a level.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "none" => Ok(Self::None),
            "long_absences" => Ok(Self::LongAbsences),
            "new_devices" => Ok(Self::NewDevices),
            "all" => Ok(Self::All),
            _ => Err("all, new_devices, long_absences or none"),
        }
    }
}

/// `bind`: where the local server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bind {
    /// A TCP port; the host may be a name or an IP address, an IPv6 address in brackets.
    Tcp {
        /// Host name or IP address, without brackets.
        host: String,
        /// Port; 0 lets the system choose.
        port: u16,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

impl Bind {
    /// Parses `<host>:<port>` or `unix:<path>`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "<host>:<port> such as 127.0.0.1:6060 or [::1]:6060, or unix:<path>";
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err(EXPECTED) } else { Ok(Self::Unix(path.into())) };
        }
        let (host, port) = text.rsplit_once(':').ok_or(EXPECTED)?;
        let port = port.parse().map_err(|_| EXPECTED)?;
        let host = match host.strip_prefix('[').map(|host| host.strip_suffix(']')) {
            Some(Some(address)) if address.parse::<std::net::Ipv6Addr>().is_ok() => address,
            None if url::Host::parse(host).is_ok() => host,
            _ => return Err(EXPECTED),
        };
        Ok(Self::Tcp { host: host.to_owned(), port })
    }
}

/// Parses a [`Bind`] that only this machine can reach.
pub(super) fn loopback_bind(text: &str) -> Result<Bind, &'static str> {
    const EXPECTED: &str = "a port of this machine alone, such as 127.0.0.1:6061, or unix:<path>";
    let bind = Bind::parse(text).map_err(|_| EXPECTED)?;
    let private = match &bind {
        Bind::Tcp { host, .. } => {
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        Bind::Unix(_) => true,
    };
    private.then_some(bind).ok_or(EXPECTED)
}

/// Parses the mode of a file, in octal as chmod(1) takes it: `660` or `0660`.
pub(super) fn file_mode(text: &str) -> Result<u32, &'static str> {
    const EXPECTED: &str = "a mode in octal, such as 660 for the owner and the group, or 600";
    let digits = text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| digits && *mode <= 0o777);
    mode.ok_or(EXPECTED)
}

/// Parses the name or the number of a group.
pub(super) fn group(text: &str) -> Result<String, &'static str> {
    let is_legal = |byte: u8| byte.is_ascii_graphic() && byte != b':';
    text.bytes().all(is_legal).then(|| text.to_owned()).ok_or("the name of a group, or its number")
}

/// Parses an `http` or `https` URL.
pub(super) fn web_url(text: &str) -> Result<Url, &'static str> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        _ => Err("a URL that starts with http:// or https://"),
    }
}

/// Parses the URL of a server that takes mail.
pub(super) fn mail_url(text: &str) -> Result<Url, &'static str> {
    const EXPECTED: &str = "a URL such as smtps://user:password@mail.example.org, or smtp://… for STARTTLS";
    match Url::parse(text) {
        Ok(url)
            if matches!(url.scheme(), "smtp" | "smtps")
                && url.has_host()
                && matches!(url.path(), "" | "/")
                && url.query().is_none()
                && url.fragment().is_none() =>
        {
            Ok(url)
        }
        _ => Err(EXPECTED),
    }
}

/// Parses a mail address, without a name before it.
pub(super) fn mail_address(text: &str) -> Result<String, &'static str> {
    let is_legal =
        |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | ',' | ';' | '"');
    let parts = text.rsplit_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty());
    let is_address = parts.is_some() && text.len() <= 254 && text.chars().all(is_legal);
    is_address.then(|| text.to_owned()).ok_or("a mail address such as heartbeat@example.org")
}

/// Parses an `http` or `https` URL that is public, and that paths can be appended to.
pub(super) fn public_url(text: &str) -> Result<Url, &'static str> {
    let url = web_url(text)?;
    let bare = url.username().is_empty() && url.password().is_none();
    let open_ended = url.query().is_none() && url.fragment().is_none();
    (bare && open_ended)
        .then_some(url)
        .ok_or("a URL that starts with http:// or https://, without user, password, query and fragment")
}

/// Parses IP addresses and networks such as `127.0.0.1, 10.0.0.0/8, ::1`.
pub(super) fn networks(text: &str) -> Result<Vec<IpNet>, &'static str> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let network = |part: &str| part.parse().or_else(|_| part.parse::<IpAddr>().map(IpNet::from));
    text.split(',')
        .map(|part| network(part.trim()).map_err(|_| "addresses or networks such as 127.0.0.1, 10.0.0.0/8"))
        .collect()
}

/// Parses the name of a header (RFC 9110, section 5.1), in any case.
pub(super) fn header_name(text: &str) -> Result<HeaderName, &'static str> {
    text.parse().map_err(|_| "the name of a header such as x-forwarded-for")
}

/// Parses a `ws` or `wss` URL.
pub(super) fn stream_url(text: &str) -> Result<Url, &'static str> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "ws" | "wss") => Ok(url),
        _ => Err("a URL that starts with ws:// or wss://"),
    }
}

/// Parses a line of text that is not blank.
pub(super) fn line_of_text(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return Err("a line of text");
    }
    Ok(text.to_owned())
}
