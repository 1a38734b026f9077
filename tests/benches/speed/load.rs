//! Load generator over HTTP/1.1 with keep-alive: each connection sends its next request when it has the response to
//! the last one. It is minimal, to leave the processors to the server.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

/// Capacity for the head of a response.
const HEAD_MAX_BYTES: usize = 64 * 1024;

/// Load: a server, connections, requests.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    /// Port of the server, on this machine.
    pub(crate) port: u16,
    /// Number of concurrent connections.
    pub(crate) connections: usize,
    /// Requests, serialized; each connection starts at another one and cycles through all.
    pub(crate) requests: Arc<[Vec<u8>]>,
}

/// Throughput and latency.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measurement {
    /// Responses per second.
    pub(crate) rate: f64,
    /// Median latency.
    pub(crate) p50: Duration,
    /// Latency that one response in a hundred exceeds.
    pub(crate) p99: Duration,
}

impl Load {
    /// Returns a load of one repeated request.
    pub(crate) fn of(port: u16, connections: usize, request: Vec<u8>) -> Self {
        Self { port, connections, requests: Arc::new([request]) }
    }

    /// Sends requests for `time`, after a warm-up of a tenth of it. Panics if a response is not 200.
    pub(crate) async fn run(&self, time: Duration) -> Measurement {
        let load = self.clone();
        let (sender, measurement) = tokio::sync::oneshot::channel();
        // A thread of its own, so that other work of this program does not delay it.
        thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let _ = sender.send(runtime.block_on(load.send_all(time)));
        });
        measurement.await.expect("answers of status 200 only")
    }

    async fn send_all(self, time: Duration) -> Measurement {
        let begin = Instant::now() + time / 10;
        let end = begin + time;
        let mut connections = JoinSet::new();
        for first in 0..self.connections {
            connections.spawn(send(self.port, Arc::clone(&self.requests), first, begin, end));
        }
        let times: Vec<u32> = connections.join_all().await.concat();
        Measurement::of(times, time)
    }
}

impl Measurement {
    /// Returns the measurement of these latencies, in nanoseconds, within `time`.
    pub(crate) fn of(mut times: Vec<u32>, time: Duration) -> Self {
        times.sort_unstable();
        let quantile = |percent: usize| {
            let nanoseconds = times.get(times.len() * percent / 100).copied().unwrap_or_default();
            Duration::from_nanos(nanoseconds.into())
        };
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let rate = times.len() as f64 / time.as_secs_f64();
        Self { rate, p50: quantile(50), p99: quantile(99) }
    }
}

/// Sends requests over one connection; returns the latencies, in nanoseconds, of responses between `begin` and `end`.
async fn send(port: u16, requests: Arc<[Vec<u8>]>, first: usize, begin: Instant, end: Instant) -> Vec<u32> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    stream.set_nodelay(true).expect("a connection");
    let (mut times, mut buffer) = (Vec::new(), vec![0; HEAD_MAX_BYTES]);
    for request in requests.iter().cycle().skip(first % requests.len()) {
        let sent = Instant::now();
        stream.write_all(request).await.expect("a connection");
        read_response(&mut stream, &mut buffer).await;
        let received = Instant::now();
        if received >= end {
            break;
        }
        if received >= begin {
            times.push(u32::try_from((received - sent).as_nanos()).unwrap_or(u32::MAX));
        }
    }
    times
}

async fn read_response(stream: &mut TcpStream, buffer: &mut [u8]) {
    let mut filled = 0;
    let length = loop {
        let read = stream.read(&mut buffer[filled..]).await.expect("a response");
        assert!(read > 0, "the connection ended");
        filled += read;
        if let Some(length) = response_length(&buffer[..filled]) {
            break length;
        }
    };
    let mut missing = length.saturating_sub(filled);
    while missing > 0 {
        let read = stream.read(buffer).await.expect("the rest of a response");
        assert!(read > 0, "the connection ended");
        missing -= read;
    }
}

/// Length of a response with its head, once the head is complete.
fn response_length(received: &[u8]) -> Option<usize> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(received).expect("an HTTP response") else {
        return None;
    };
    assert_eq!(response.code, Some(200), "{}", String::from_utf8_lossy(received));
    let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.expect("a length").value;
    Some(head + std::str::from_utf8(length).ok().and_then(|it| it.parse().ok()).unwrap_or(0))
}

/// Serializes a request without a body.
pub(crate) fn request(method: &str, path: &str, token: &str) -> Vec<u8> {
    let authorization = if token.is_empty() { String::new() } else { format!("authorization: {token}\r\n") };
    let length = if method == "POST" { "content-length: 0\r\n" } else { "" };
    format!("{method} {path} HTTP/1.1\r\nhost: heartbeat\r\n{authorization}{length}\r\n").into_bytes()
}
