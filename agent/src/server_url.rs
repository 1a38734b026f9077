//! The URL of the server, valid once it exists.

use std::{fmt, net::IpAddr, path::PathBuf, str::FromStr};

use serde::Deserialize;
use ureq::http::Uri;

/// URL of a Heartbeat server, such as `https://beat.example.org`, with a path where a proxy puts the server below
/// one, or `unix:/run/heartbeat.sock`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ServerUrl {
    text: String,
    socket: Option<PathBuf>,
    is_private: bool,
}

/// Reason why a text is not the URL of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UrlError {
    /// Not a URL, or one of another kind.
    #[error(
        "expected the URL of a Heartbeat server, such as https://beat.example.org or unix:/run/heartbeat.sock"
    )]
    Kind,
    /// A relative path.
    #[error("expected an absolute path after `unix:`, such as unix:/run/heartbeat.sock")]
    RelativeSocket,
    /// Parts that have no meaning here.
    #[error("expected a URL without user, password, `?` and `#`")]
    Parts,
}

impl ServerUrl {
    /// URL of `path`, which begins with a slash. Through a Unix socket, the host is only a name.
    pub(crate) fn join(&self, path: &str) -> String {
        match self.socket {
            Some(_) => format!("http://localhost{path}"),
            None => format!("{}{path}", self.text),
        }
    }

    /// Path of the Unix socket, if it is one.
    #[cfg(unix)]
    pub(crate) fn socket(&self) -> Option<&PathBuf> {
        self.socket.as_ref()
    }

    /// Whether the connection is private: HTTPS, or within this machine.
    pub(crate) fn is_private(&self) -> bool {
        self.is_private
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl FromStr for ServerUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        // Windows' own Unix sockets are nothing that servers there listen on.
        if let Some(path) = text.strip_prefix("unix:").filter(|_| cfg!(unix)) {
            let socket = PathBuf::from(path);
            if !socket.is_absolute() {
                return Err(UrlError::RelativeSocket);
            }
            return Ok(Self { text: text.to_owned(), socket: Some(socket), is_private: true });
        }
        // A fragment is no part of what the parser keeps.
        if text.contains(['?', '#', '@']) {
            return Err(UrlError::Parts);
        }
        let uri: Uri = text.parse().map_err(|_| UrlError::Kind)?;
        let (Some(scheme @ ("http" | "https")), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return Err(UrlError::Kind);
        };
        let is_loopback = match host.trim_matches(['[', ']']).parse() {
            Ok(ip) => IpAddr::is_loopback(&ip),
            Err(_) => host == "localhost" || host.ends_with(".localhost"),
        };
        Ok(Self {
            text: text.trim_end_matches('/').to_owned(),
            socket: None,
            is_private: scheme == "https" || is_loopback,
        })
    }
}

impl TryFrom<String> for ServerUrl {
    type Error = UrlError;

    fn try_from(text: String) -> Result<Self, UrlError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(text: &str) -> Result<String, UrlError> {
        text.parse::<ServerUrl>().map(|url| url.join("/api/beat"))
    }

    #[test]
    fn a_path_prefix_and_ipv6_are_kept() {
        for (text, expected) in [
            ("https://beat.example.org", "https://beat.example.org/api/beat"),
            ("https://beat.example.org/", "https://beat.example.org/api/beat"),
            ("https://example.org/beat/", "https://example.org/beat/api/beat"),
            ("http://[::1]:6060", "http://[::1]:6060/api/beat"),
            ("unix:/run/heartbeat.sock", "http://localhost/api/beat"),
        ] {
            assert_eq!(joined(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for (text, error) in [
            ("beat.example.org", UrlError::Kind),
            ("ftp://example.org", UrlError::Kind),
            ("", UrlError::Kind),
            ("https://", UrlError::Kind),
            ("https://with blank.example.org", UrlError::Kind),
            ("unix:heartbeat.sock", UrlError::RelativeSocket),
            ("https://me@example.org", UrlError::Parts),
            ("https://example.org/?token=1", UrlError::Parts),
        ] {
            assert_eq!(joined(text), Err(error), "{text}");
        }
    }

    #[test]
    fn only_tls_and_this_machine_are_private() {
        for (text, private) in [
            ("https://beat.example.org", true),
            ("http://localhost:6060", true),
            ("http://127.0.0.1:6060", true),
            ("http://[::1]:6060", true),
            ("unix:/run/heartbeat.sock", true),
            ("http://192.168.1.2:6060", false),
            ("http://beat.example.org", false),
        ] {
            assert_eq!(text.parse::<ServerUrl>().expect("a URL").is_private(), private, "{text}");
        }
    }
}
