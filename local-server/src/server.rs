//! Connections: accepted, served over HTTP/1.1 or cleartext HTTP/2, and brought to an orderly end.

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
use hyper::service::{Service, service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

use crate::listener::{Listener, Stream};

/// How long a client may take to send the head of a request, the first one included.
const HEAD_LIMIT: Duration = Duration::from_secs(10);

/// How long requests in flight may take to finish once the server is told to stop: longer than any
/// answer waits for the database. Of the ten seconds that service managers give before they kill,
/// what comes after the requests needs the rest.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// How long to wait after the system had no file descriptor left for a connection. It does not say
/// when there is one again.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);

/// Serves `router` on `listener` until `stop` is ready, then finishes the requests in flight.
pub(crate) async fn serve(listener: Listener, router: Router, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    let connections = Connections::new(router);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(Stream::Tcp(stream)) => connections.serve(stream),
                Ok(Stream::Unix(stream)) => connections.serve(stream),
                Err(error) => recover(&error).await,
            },
            () = &mut stop => break,
        }
    }
    // From here on new connections are refused, not left waiting.
    drop(listener);
    if timeout(STOP_LIMIT, connections.graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time, and were cut off");
    }
}

/// Allows this process as many file descriptors as the system lets it have: what it has without asking, often
/// 1,024, is for programs of another time, and fewer than there may be viewers.
pub(crate) fn allow_many_connections() {
    let limit = getrlimit(Resource::Nofile);
    // Where it may not, it goes on with what it has.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

struct Connections {
    router: Router,
    http: auto::Builder<TokioExecutor>,
    graceful: GracefulShutdown,
}

impl Connections {
    fn new(router: Router) -> Self {
        let mut http = auto::Builder::new(TokioExecutor::new());
        http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT);
        http.http2().timer(TokioTimer::new());
        Self { router, http, graceful: GracefulShutdown::new() }
    }

    fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let asked = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&asked);
        let router = TowerToHyperService::new(self.router.clone());
        let service = service_fn(move |request| {
            noted.store(true, Ordering::Relaxed);
            router.call(request)
        });
        let connection = self.http.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        let connection = self.graceful.watch(connection);
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            // Until it knows the version of HTTP, the library waits for ever.
            if timeout(HEAD_LIMIT, &mut connection).await.is_err() && asked.load(Ordering::Relaxed) {
                // What a client breaks off is its own affair.
                let _ = connection.await;
            }
        });
    }
}

/// Decides what an error of `accept` means: a connection that was gone before it was taken is
/// nothing; anything else is the system's lack of something, which passes.
async fn recover(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::warn!("cannot accept a connection: {error}");
        tokio::time::sleep(EXHAUSTED_PAUSE).await;
    }
}
