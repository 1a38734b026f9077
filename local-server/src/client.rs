//! Requests of commands to the running server, at the socket where it listens according to the configuration.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use heartbeat_core::config::Bind;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, Response, body::Bytes, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::timeout,
};

/// Maximum size of the body of a response: more than that of a list of 100,000 devices.
const BODY_MAX_BYTES: usize = 64 * 1024 * 1024;

/// An error of a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("no server answers at bind: {0}; start one, or set bind to where it listens")]
    Unreachable(io::Error),
    #[error("the server at bind broke the connection: {0}; its log may say why")]
    Broken(Box<dyn std::error::Error + Send + Sync>),
    #[error("the server at bind did not answer within {} seconds", .0.as_secs())]
    TimedOut(Duration),
    #[error("bind lets the system choose a port; set it to the one that the server listens on")]
    UnknownPort,
}

/// Sends a request to the server that listens at `bind`, and returns its response.
pub(crate) async fn send(
    bind: &Bind,
    request: Request<Full<Bytes>>,
    response_timeout: Duration,
) -> Result<Response<Bytes>, RequestError> {
    let exchange = async {
        match bind {
            Bind::Tcp { port: 0, .. } => Err(RequestError::UnknownPort),
            Bind::Tcp { host, port } => {
                let stream = TcpStream::connect((connectable_host(host), *port)).await;
                exchange(stream.map_err(RequestError::Unreachable)?, request).await
            }
            Bind::Unix(path) => {
                let stream = UnixStream::connect(path).await;
                exchange(stream.map_err(RequestError::Unreachable)?, request).await
            }
        }
    };
    timeout(response_timeout, exchange).await.map_err(|_| RequestError::TimedOut(response_timeout))?
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    mut request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, RequestError> {
    request.headers_mut().insert(HOST, hyper::header::HeaderValue::from_static("localhost"));
    let broken = |error: hyper::Error| RequestError::Broken(error.into());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // It ends with the exchange. If it breaks, the response says so.
    tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await.map_err(broken)?.into_parts();
    let body = Limited::new(body, BODY_MAX_BYTES).collect().await.map_err(RequestError::Broken)?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

/// Returns the host to connect to. A server that listens on all interfaces is reached through the loopback one.
fn connectable_host(host: &str) -> String {
    match host.parse() {
        Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) => Ipv4Addr::LOCALHOST.to_string(),
        Ok(IpAddr::V6(Ipv6Addr::UNSPECIFIED)) => Ipv6Addr::LOCALHOST.to_string(),
        _ => host.to_owned(),
    }
}
