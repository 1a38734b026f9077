//! Load over HTTP/1.1 with keep-alive: each connection sends its next request when it has the answer to the
//! last one. Written for this alone, so that it leaves the processors to what is measured.

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

/// Room for the head of an answer.
const HEAD: usize = 64 * 1024;

/// Who asks for what.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    /// The port on this machine that they ask.
    pub(crate) port: u16,
    /// How many ask at the same time.
    pub(crate) connections: usize,
    /// The requests, as they are sent; each connection begins at another one and sends all in turn.
    pub(crate) requests: Arc<[Vec<u8>]>,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Answers a second.
    pub(crate) rate: f64,
    /// The middle of the times from a request to its answer.
    pub(crate) p50: Duration,
}

impl Load {
    /// One request for all.
    pub(crate) fn of(port: u16, connections: usize, request: Vec<u8>) -> Self {
        Self { port, connections, requests: Arc::new([request]) }
    }

    /// Asks for as long as that, after a tenth of it that does not count. Panics if an answer is not 200.
    pub(crate) async fn run(&self, time: Duration) -> Pace {
        let load = self.clone();
        let (told, outcome) = tokio::sync::oneshot::channel();
        // A thread of its own: what else this program does must not get into its way.
        thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let _ = told.send(runtime.block_on(load.ask_all(time)));
        });
        outcome.await.expect("answers of status 200 only")
    }

    async fn ask_all(self, time: Duration) -> Pace {
        let begin = Instant::now() + time / 10;
        let end = begin + time;
        let mut connections = JoinSet::new();
        for first in 0..self.connections {
            connections.spawn(ask(self.port, Arc::clone(&self.requests), first, begin, end));
        }
        let times: Vec<u32> = connections.join_all().await.concat();
        Pace::of(times, time)
    }
}

impl Pace {
    /// The pace at which these times, in nanoseconds, were measured within `time`.
    pub(crate) fn of(mut times: Vec<u32>, time: Duration) -> Self {
        times.sort_unstable();
        let middle = times.get(times.len() / 2).copied().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let rate = times.len() as f64 / time.as_secs_f64();
        Self { rate, p50: Duration::from_nanos(middle.into()) }
    }
}

/// One connection; returns the nanoseconds that each answer took which came between `begin` and `end`.
async fn ask(port: u16, requests: Arc<[Vec<u8>]>, first: usize, begin: Instant, end: Instant) -> Vec<u32> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    stream.set_nodelay(true).expect("a connection");
    let (mut times, mut buffer) = (Vec::new(), vec![0; HEAD]);
    for request in requests.iter().cycle().skip(first % requests.len()) {
        let asked = Instant::now();
        stream.write_all(request).await.expect("a connection");
        read_answer(&mut stream, &mut buffer).await;
        let answered = Instant::now();
        if answered >= end {
            break;
        }
        if answered >= begin {
            times.push(u32::try_from((answered - asked).as_nanos()).unwrap_or(u32::MAX));
        }
    }
    times
}

async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) {
    let mut filled = 0;
    let whole = loop {
        let read = stream.read(&mut buffer[filled..]).await.expect("an answer");
        assert!(read > 0, "the connection ended");
        filled += read;
        if let Some(whole) = length_of_answer(&buffer[..filled]) {
            break whole;
        }
    };
    let mut missing = whole.saturating_sub(filled);
    while missing > 0 {
        let read = stream.read(buffer).await.expect("the rest of an answer");
        assert!(read > 0, "the connection ended");
        missing -= read;
    }
}

/// How many bytes an answer has, once its head is there.
fn length_of_answer(received: &[u8]) -> Option<usize> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut answer = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = answer.parse(received).expect("an HTTP answer") else {
        return None;
    };
    assert_eq!(answer.code, Some(200), "{}", String::from_utf8_lossy(received));
    let length = answer.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.expect("a length").value;
    Some(head + std::str::from_utf8(length).ok().and_then(|it| it.parse().ok()).unwrap_or(0))
}

/// A request without a body, as it is sent.
pub(crate) fn request(method: &str, path: &str, token: &str) -> Vec<u8> {
    let authorization = if token.is_empty() { String::new() } else { format!("authorization: {token}\r\n") };
    let length = if method == "POST" { "content-length: 0\r\n" } else { "" };
    format!("{method} {path} HTTP/1.1\r\nhost: heartbeat\r\n{authorization}{length}\r\n").into_bytes()
}
