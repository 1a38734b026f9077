//! `heartbeat health`: whether the server of this configuration is healthy, for those who look after it where
//! there is no other program that could ask, as in its container.

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

/// How long an answer may take. The server itself gives the database two seconds.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(4);

/// With HTTP/1.0 the answer ends with the connection (RFC 1945, section 7.2.2).
const REQUEST: &[u8] = b"GET /.well-known/health HTTP/1.0\r\nHost: localhost\r\n\r\n";

/// Why the server is not healthy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unhealthy {
    #[error("no server answers at bind: {0}; start one, or set bind to where it listens")]
    Unreachable(io::Error),
    #[error("the server at bind did not answer within {} seconds", RESPONSE_TIMEOUT.as_secs())]
    Late,
    #[error("the server at bind answers {0:?}; its log says why")]
    Refused(String),
    #[error("bind lets the system choose a port; set it to the one that the server listens on")]
    UnknownPort,
}

/// Asks the server that listens at `bind`.
pub(crate) async fn check(bind: &Bind) -> Result<(), Unhealthy> {
    let status = timeout(RESPONSE_TIMEOUT, ask(bind)).await.map_err(|_| Unhealthy::Late)??;
    if status.split(' ').nth(1) == Some("200") { Ok(()) } else { Err(Unhealthy::Refused(status)) }
}

/// The first line of the server's answer.
async fn ask(bind: &Bind) -> Result<String, Unhealthy> {
    let answer = match bind {
        Bind::Tcp { port: 0, .. } => return Err(Unhealthy::UnknownPort),
        Bind::Tcp { host, port } => talk(TcpStream::connect((reachable(host), *port)).await).await,
        Bind::Unix(path) => talk(UnixStream::connect(path).await).await,
    };
    answer.map_err(Unhealthy::Unreachable)
}

async fn talk(stream: io::Result<impl AsyncRead + AsyncWrite + Unpin>) -> io::Result<String> {
    let mut stream = stream?;
    stream.write_all(REQUEST).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned())
}

/// Where a server that listens at `host` can be reached: one that listens everywhere, on this machine.
fn reachable(host: &str) -> String {
    match host.parse() {
        Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) => Ipv4Addr::LOCALHOST.to_string(),
        Ok(IpAddr::V6(Ipv6Addr::UNSPECIFIED)) => Ipv6Addr::LOCALHOST.to_string(),
        _ => host.to_owned(),
    }
}
