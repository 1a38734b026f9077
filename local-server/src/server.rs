//! HTTP connections: accept, HTTP/1.1 on each, and graceful shutdown.
//!
//! There is no cleartext HTTP/2: browsers and proxies do not use it, and each of its streams would need limits of
//! its own.

use std::{future::Future, io, pin::pin, time::Duration};

use axum::Router;
use heartbeat_functions::http::client_ip::{self, Peer};
use hyper::{
    Request,
    body::Incoming,
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use ipnet::IpNet;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::{Instant, timeout},
};
use tokio_io_timeout::TimeoutStream;

use crate::{
    admission::{Admission, Place},
    limits::ConnectionLimits,
    listener::{Listener, Socket},
};

/// Timeout of the head of a request, including the first one of a connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Timeout of requests in flight on graceful shutdown: longer than any response waits for the database. Service
/// managers kill after ten seconds, and the steps after this one need the rest.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Delay before the next `accept` after the system ran out of file descriptors. It does not tell when one is free
/// again.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// Timeout of a write that is blocked because the client does not read its response.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Timeout from one request of a connection to the next, however slowly the client reads: our largest response
/// is read within it at 8 kB a second. A client that reads a byte now and then would hold its response for ever.
const RESPONSE_TIMEOUT: Duration = Duration::from_mins(1);

/// Maximum size of the head of a request: what other servers allow, too. Each connection may make the server hold as
/// much.
const HEAD_MAX_BYTES: usize = 16 * 1024;

/// Interval of log lines about refused connections.
const REFUSED_LOG_INTERVAL: Duration = Duration::from_mins(1);

/// Response to a connection above the share of its client.
const REFUSAL: &[u8] =
    b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 10\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Serves `router` on `listener` until `stop` is ready, then finishes the requests in flight. Connections of
/// `trusted_proxies` carry requests of many clients, and have no share.
pub(crate) async fn serve(
    listener: Listener,
    router: Router,
    limits: ConnectionLimits,
    trusted_proxies: &[IpNet],
    stop: impl Future<Output = ()>,
) {
    let mut stop = pin!(stop);
    let server = HttpServer::new(router);
    let admission = Admission::new(limits);
    let mut refusals = Refusals::default();
    loop {
        tokio::select! {
            accepted = accept(&listener, &admission, trusted_proxies) => match accepted {
                Ok((socket, Some(place))) => server.serve_socket(socket, place),
                Ok((socket, None)) => refusals.refuse(&socket),
                Err(error) => recover(&error).await,
            },
            () = &mut stop => break,
        }
    }
    // From here on new connections are refused, not left waiting.
    drop(listener);
    if timeout(DRAIN_TIMEOUT, server.shut_down()).await.is_err() {
        tracing::warn!("some requests did not finish in time, and were cut off");
    }
}

/// Accepts the next connection, and waits for its place; `None` if it gets none.
async fn accept(
    listener: &Listener,
    admission: &Admission,
    trusted_proxies: &[IpNet],
) -> io::Result<(Socket, Option<Place>)> {
    let socket = listener.accept().await?;
    let client = socket.peer().untrusted_ip(trusted_proxies).map(client_ip::share_key);
    let place = admission.admit(client).await;
    Ok((socket, place))
}

/// Connections above the share of their client.
#[derive(Debug, Default)]
struct Refusals {
    logged_at: Option<Instant>,
}

impl Refusals {
    fn refuse(&mut self, socket: &Socket) {
        // Best effort: the client may not read it.
        if let Socket::Tcp(stream, _) = socket {
            let _ = stream.try_write(REFUSAL);
        }
        if self.logged_at.is_none_or(|logged_at| logged_at.elapsed() > REFUSED_LOG_INTERVAL) {
            self.logged_at = Some(Instant::now());
            tracing::warn!(
                "one client IP wants more connections than its share; if that is a proxy, set trusted_proxies"
            );
        }
    }
}

/// HTTP on each connection.
struct HttpServer {
    router: Router,
    http: http1::Builder,
    /// Whether connections must end after the request in flight. Each of them holds a receiver.
    stopping: watch::Sender<bool>,
}

impl HttpServer {
    fn new(router: Router) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_MAX_BYTES);
        Self { router, http, stopping: watch::Sender::new(false) }
    }

    /// Waits until all connections have ended, which they do after the request in flight.
    async fn shut_down(self) {
        self.stopping.send_replace(true);
        self.stopping.closed().await;
    }

    fn serve_socket(&self, socket: Socket, place: Place) {
        let peer = socket.peer();
        match socket {
            Socket::Tcp(stream, _) => self.serve(stream, peer, place),
            Socket::Unix(stream) => self.serve(stream, peer, place),
        }
    }

    fn serve(&self, stream: impl AsyncRead + AsyncWrite + Send + 'static, peer: Peer, place: Place) {
        let router = TowerToHyperService::new(self.router.clone());
        let requests = place.requests();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            let (requests, response) = (requests.clone(), router.call(request));
            async move { requests.handle(response).await }
        });
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(WRITE_TIMEOUT));
        let stream = TokioIo::new(Box::pin(stream));
        let connection = self.http.serve_connection(stream, service).with_upgrades();
        let mut stopping = self.stopping.subscribe();
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            // The place is free again at the upgrade of a viewer, since viewers have limits of their own.
            let mut lost = pin!(place.lost(HEAD_TIMEOUT, RESPONSE_TIMEOUT));
            let mut is_told = false;
            loop {
                tokio::select! {
                    // First, so that a response that is complete is written before the connection is closed.
                    biased;
                    // An error means that the client broke the connection.
                    _ = connection.as_mut() => return,
                    () = &mut lost => return,
                    _ = stopping.wait_for(|stopping| *stopping), if !is_told => {
                        connection.as_mut().graceful_shutdown();
                        is_told = true;
                    }
                }
            }
        });
    }
}

/// Recovers from an error of `accept`. A connection that was closed before it was accepted is ignored; any other
/// error means that a resource of the system is exhausted, which passes.
async fn recover(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::warn!(%error, "cannot accept a connection");
        tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
    }
}
