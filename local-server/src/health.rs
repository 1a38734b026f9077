//! `heartbeat health`: checks the health of the server of this configuration.
//!
//! It serves container runtimes and service managers where no other HTTP client is installed, as in the image.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use heartbeat_core::config::Bind;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    time::timeout,
};

/// Timeout of the response. The server itself waits two seconds for the database.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(4);

/// The request. With HTTP/1.0 the response ends with the connection (RFC 1945, section 7.2.2).
const REQUEST: &[u8] = b"GET /.well-known/health HTTP/1.0\r\nHost: localhost\r\n\r\n";

/// An error of the health check.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unhealthy {
    #[error("no server answers at bind: {0}; start one, or set bind to where it listens")]
    Unreachable(io::Error),
    #[error("the server at bind did not answer within {} seconds", RESPONSE_TIMEOUT.as_secs())]
    TimedOut,
    #[error("the server at bind answers {0:?}; its log says why")]
    ErrorStatus(String),
    #[error("bind lets the system choose a port; set it to the one that the server listens on")]
    UnknownPort,
}

/// Checks the health of the server that listens at `bind`.
pub(crate) async fn check(bind: &Bind) -> Result<(), Unhealthy> {
    let status = timeout(RESPONSE_TIMEOUT, request_status(bind)).await.map_err(|_| Unhealthy::TimedOut)??;
    if status.split(' ').nth(1) == Some("200") { Ok(()) } else { Err(Unhealthy::ErrorStatus(status)) }
}

/// Requests the health of the server and returns the status line of its response.
async fn request_status(bind: &Bind) -> Result<String, Unhealthy> {
    let status_line = match bind {
        Bind::Tcp { port: 0, .. } => return Err(Unhealthy::UnknownPort),
        Bind::Tcp { host, port } => exchange(TcpStream::connect((connectable_host(host), *port)).await).await,
        Bind::Unix(path) => exchange(UnixStream::connect(path).await).await,
    };
    status_line.map_err(Unhealthy::Unreachable)
}

async fn exchange(stream: io::Result<impl AsyncRead + AsyncWrite + Unpin>) -> io::Result<String> {
    let mut stream = stream?;
    stream.write_all(REQUEST).await?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await?;
    Ok(String::from_utf8_lossy(&response).lines().next().unwrap_or_default().to_owned())
}

/// Returns the host to connect to. A server that listens on all interfaces is reached through the loopback one.
fn connectable_host(host: &str) -> String {
    match host.parse() {
        Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) => Ipv4Addr::LOCALHOST.to_string(),
        Ok(IpAddr::V6(Ipv6Addr::UNSPECIFIED)) => Ipv6Addr::LOCALHOST.to_string(),
        _ => host.to_owned(),
    }
}
