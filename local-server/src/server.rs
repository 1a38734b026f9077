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
use heartbeat_functions::client_address::Peer;
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
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_io_timeout::TimeoutStream;

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

/// Serves `router` on `listener` until `stop` is ready, then finishes the requests in flight. Who comes when
/// there are as many connections as `room` has for waits until one has ended.
pub(crate) async fn serve(listener: Listener, router: Router, room: usize, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    let connections = Connections::new(router);
    let places = Arc::new(Semaphore::new(room));
    let next = async || {
        let place = Arc::clone(&places).acquire_owned().await.expect("a semaphore that is never closed");
        listener.accept().await.map(|stream| (stream, place))
    };
    loop {
        tokio::select! {
            accepted = next() => match accepted {
                Ok((Stream::Tcp(stream, address), place)) => {
                    connections.serve(stream, Peer::Address(address.ip()), place);
                }
                Ok((Stream::Unix(stream), place)) => connections.serve(stream, Peer::Local, place),
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

/// How many may be connected at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// Those who watch the stream.
    pub(crate) viewers: usize,
    /// All others.
    pub(crate) connections: usize,
}

impl Room {
    /// Room for as many viewers as the owner allows, as far as the system has file descriptors for them. It
    /// is first asked for all that it lets a process have: what it gives without being asked, often 1,024, is
    /// for programs of another time.
    pub(crate) fn make(max_viewers: usize) -> Self {
        let limit = getrlimit(Resource::Nofile);
        // Where it may not, it goes on with what it has.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
        let descriptors = getrlimit(Resource::Nofile).current.and_then(|it| usize::try_from(it).ok());
        Self::within(descriptors.unwrap_or(usize::MAX), max_viewers)
    }

    fn within(descriptors: usize, max_viewers: usize) -> Self {
        let viewers = max_viewers.min(descriptors / 2);
        let rest = descriptors.saturating_sub(viewers).saturating_sub(OTHER_DESCRIPTORS);
        Self { viewers, connections: rest.clamp(1, MOST_CONNECTIONS) }
    }
}

/// Connections that do not watch the stream. Strangers open them, and each takes memory.
const MOST_CONNECTIONS: usize = 16 * 1024;

/// File descriptors for everything but connections: the database, the listeners, the runtime.
const OTHER_DESCRIPTORS: usize = 64;

/// How long a client may leave an answer unread that is too long for the system's buffers.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// The largest head of a request over HTTP/1.1, in bytes.
const HEAD_SIZE_LIMIT: usize = 64 * 1024;

/// The largest head of a request over HTTP/2, in bytes.
const HEADER_LIST_LIMIT: u32 = 16 * 1024;

/// How often a client that speaks HTTP/2 is asked for a sign of life, and how long it may take.
const PING_PERIOD: Duration = Duration::from_secs(10);

struct Connections {
    router: Router,
    http: auto::Builder<TokioExecutor>,
    graceful: GracefulShutdown,
}

impl Connections {
    fn new(router: Router) -> Self {
        let mut http = auto::Builder::new(TokioExecutor::new());
        let mut http1 = http.http1();
        http1.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT).max_buf_size(HEAD_SIZE_LIMIT);
        let mut http2 = http.http2();
        http2.timer(TokioTimer::new()).max_header_list_size(HEADER_LIST_LIMIT);
        http2.keep_alive_interval(PING_PERIOD).keep_alive_timeout(PING_PERIOD);
        Self { router, http, graceful: GracefulShutdown::new() }
    }

    fn serve(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        peer: Peer,
        place: OwnedSemaphorePermit,
    ) {
        let asked = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&asked);
        let router = TowerToHyperService::new(self.router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            noted.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(peer);
            router.call(request)
        });
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(WRITE_LIMIT));
        let stream = TokioIo::new(Box::pin(stream));
        let connection = self.http.serve_connection_with_upgrades(stream, service).into_owned();
        let connection = self.graceful.watch(connection);
        tokio::spawn(async move {
            // Viewers are counted elsewhere: for them, this ends with the upgrade.
            let _place = place;
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

#[cfg(test)]
mod tests {
    use super::Room;

    #[test]
    fn there_is_room_for_others_whatever_viewers_take() {
        for (descriptors, max_viewers, viewers, connections) in [
            (1_048_576, 10_000, 10_000, 16_384),
            (20_000, 10_000, 10_000, 9_936),
            (1_024, 10_000, 512, 448),
            (1_024, 10, 10, 950),
            (64, 10_000, 32, 1),
        ] {
            assert_eq!(
                Room::within(descriptors, max_viewers),
                Room { viewers, connections },
                "{descriptors}"
            );
        }
    }
}
