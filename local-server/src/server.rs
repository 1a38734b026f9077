//! HTTP connections: accept, HTTP/1.1 or cleartext HTTP/2 on each, and graceful shutdown.

use std::{
    future::Future,
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::Router;
use heartbeat_functions::http::client_ip::Peer;
use hyper::{
    Request,
    body::Incoming,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_io_timeout::TimeoutStream;

use crate::listener::{Listener, Socket};

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

/// Maximum size of the head of a request over HTTP/1.1.
const HTTP1_HEAD_MAX_BYTES: usize = 64 * 1024;

/// Maximum size of the head of a request over HTTP/2.
const HTTP2_HEAD_MAX_BYTES: u32 = 16 * 1024;

/// Interval of keep-alive pings over HTTP/2, and the timeout of their acknowledgment.
const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(10);

/// Serves `router` on `listener` until `stop` is ready, then finishes the requests in flight. With
/// `max_connections` open, others wait in the system's backlog until one has ended.
pub(crate) async fn serve(
    listener: Listener,
    router: Router,
    max_connections: usize,
    stop: impl Future<Output = ()>,
) {
    let mut stop = pin!(stop);
    let server = HttpServer::new(router);
    let permits = Arc::new(Semaphore::new(max_connections));
    let next = async || {
        let permit = Arc::clone(&permits).acquire_owned().await.expect("a semaphore that is never closed");
        listener.accept().await.map(|socket| (socket, permit))
    };
    loop {
        tokio::select! {
            accepted = next() => match accepted {
                Ok((Socket::Tcp(stream, address), permit)) => {
                    server.serve(stream, Peer::Ip(address.ip()), permit);
                }
                Ok((Socket::Unix(stream), permit)) => server.serve(stream, Peer::Local, permit),
                Err(error) => recover(&error).await,
            },
            () = &mut stop => break,
        }
    }
    // From here on new connections are refused, not left waiting.
    drop(listener);
    if timeout(DRAIN_TIMEOUT, server.graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time, and were cut off");
    }
}

/// HTTP on each connection.
struct HttpServer {
    router: Router,
    http: auto::Builder<TokioExecutor>,
    graceful: GracefulShutdown,
}

impl HttpServer {
    fn new(router: Router) -> Self {
        let mut http = auto::Builder::new(TokioExecutor::new());
        let mut http1 = http.http1();
        http1.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HTTP1_HEAD_MAX_BYTES);
        let mut http2 = http.http2();
        http2.timer(TokioTimer::new()).max_header_list_size(HTTP2_HEAD_MAX_BYTES);
        http2.keep_alive_interval(HTTP2_PING_INTERVAL).keep_alive_timeout(HTTP2_PING_INTERVAL);
        Self { router, http, graceful: GracefulShutdown::new() }
    }

    fn serve(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        peer: Peer,
        permit: OwnedSemaphorePermit,
    ) {
        let got_request = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&got_request);
        let router = TowerToHyperService::new(self.router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            flag.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(peer);
            router.call(request)
        });
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(WRITE_TIMEOUT));
        let stream = TokioIo::new(Box::pin(stream));
        let connection = self.http.serve_connection_with_upgrades(stream, service).into_owned();
        let connection = self.graceful.watch(connection);
        tokio::spawn(async move {
            // Released at the upgrade of a viewer, since viewers have a limit of their own.
            let _permit = permit;
            let mut connection = pin!(connection);
            // hyper-util has no timeout until it knows the version of HTTP.
            if timeout(HEAD_TIMEOUT, &mut connection).await.is_err() && got_request.load(Ordering::Relaxed) {
                // An error means that the client broke the connection.
                let _ = connection.await;
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
