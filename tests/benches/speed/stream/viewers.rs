//! Thousands of viewers on one thread, which count frames and do not parse them.

use std::{
    cell::RefCell,
    io::ErrorKind,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Interest},
    net::TcpStream,
    runtime,
    sync::oneshot,
};

/// Opcodes of frames (RFC 6455, section 5.2).
const TEXT: u8 = 1;
const PING: u8 = 9;

/// An empty pong, masked with zeros.
const PONG: [u8; 6] = [0x8A, 0x80, 0, 0, 0, 0];

/// What viewers ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frames {
    /// Frames of the stream, one a second.
    EachSecond,
    /// Frames of the stream at changes.
    Changes,
    /// No WebSocket: every read counts as a frame.
    Bytes,
}

/// Connected viewers, disconnected when dropped.
#[derive(Debug)]
pub(crate) struct Viewers {
    received: Arc<Received>,
    started: Instant,
    _stay: oneshot::Sender<()>,
}

#[derive(Debug, Default)]
struct Received {
    /// Number of viewers whose connections the server has ended.
    ended: AtomicUsize,
    frames: AtomicU64,
    /// When the last frame came, in microseconds since the start.
    last_frame: AtomicU64,
    recording_jitter: AtomicBool,
    max_jitter: AtomicU64,
}

impl Viewers {
    /// Connects `count` viewers.
    pub(crate) async fn connect(port: u16, count: usize, asked: Frames) -> Self {
        let (received, started) = (Arc::new(Received::default()), Instant::now());
        let (stay, leave) = oneshot::channel();
        let (connected, ready) = oneshot::channel();
        let counted = Arc::clone(&received);
        thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                for _ in 0..count {
                    let stream = connect(port, asked).await;
                    tokio::spawn(watch(stream, Arc::clone(&counted), started, asked));
                }
                let _ = connected.send(());
                let _ = leave.await;
            });
        });
        ready.await.expect("connections");
        Self { received, started, _stay: stay }
    }

    /// Number of viewers whose connections the server has ended.
    pub(crate) fn ended(&self) -> usize {
        self.received.ended.load(Relaxed)
    }

    /// When the last frame came.
    pub(crate) fn last_frame_at(&self) -> Instant {
        self.started + Duration::from_micros(self.received.last_frame.load(Relaxed))
    }

    /// Number of frames received so far.
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    pub(crate) fn frames(&self) -> f64 {
        self.received.frames.load(Relaxed) as f64
    }

    /// Starts to record the jitter of frames.
    pub(crate) fn start_recording_jitter(&self) {
        self.received.recording_jitter.store(true, Relaxed);
    }

    /// Stops to record it.
    pub(crate) fn stop_recording_jitter(&self) {
        self.received.recording_jitter.store(false, Relaxed);
    }

    /// Maximum difference between the interval of two frames and a second.
    pub(crate) fn max_jitter(&self) -> Duration {
        Duration::from_micros(self.received.max_jitter.load(Relaxed))
    }
}

/// Length of the header of a server's frame, in bytes.
pub(crate) fn header_length(payload: usize) -> usize {
    match payload {
        0..126 => 2,
        126..65_536 => 4,
        _ => 10,
    }
}

async fn connect(port: u16, asked: Frames) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    if asked != Frames::Bytes {
        let query = if asked == Frames::Changes { "?frames=changes" } else { "" };
        let upgrade = format!(
            "GET /api/stats/ws{query} HTTP/1.1\r\nhost: heartbeat\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
            sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(upgrade.as_bytes()).await.expect("a connection");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("a response"));
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    }
    stream
}

async fn watch(mut stream: TcpStream, received: Arc<Received>, started: Instant, asked: Frames) {
    thread_local!(static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 256 * 1024]));
    let (mut frames, mut last) = (FrameParser::default(), None);
    loop {
        stream.ready(Interest::READABLE).await.expect("a connection");
        let read = BUFFER.with_borrow_mut(|buffer| match stream.try_read(buffer) {
            Ok(0) => None,
            Ok(read) if asked != Frames::Bytes => Some(frames.read(&buffer[..read])),
            Ok(_) => Some((1, 0)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Some((0, 0)),
            Err(_) => None,
        });
        let Some((texts, pings)) = read else {
            received.ended.fetch_add(1, Relaxed);
            return;
        };
        for _ in 0..pings {
            stream.write_all(&PONG).await.expect("a connection");
        }
        if texts > 0 {
            let now = Instant::now();
            let since_start = u64::try_from((now - started).as_micros()).unwrap_or(u64::MAX);
            received.last_frame.fetch_max(since_start, Relaxed);
            received.frames.fetch_add(texts, Relaxed);
            if let Some(last) = last.replace(now)
                && received.recording_jitter.load(Relaxed)
            {
                let jitter = (now - last).abs_diff(Duration::from_secs(1));
                received.max_jitter.fetch_max(u64::try_from(jitter.as_micros()).unwrap_or(u64::MAX), Relaxed);
            }
        }
    }
}

/// Parser state of a stream of frames.
#[derive(Debug, Default)]
struct FrameParser {
    header: Vec<u8>,
    payload_left: usize,
}

impl FrameParser {
    /// Parses received bytes; returns the numbers of text frames and of pings that ended in them.
    fn read(&mut self, mut bytes: &[u8]) -> (u64, u64) {
        let (mut texts, mut pings) = (0, 0);
        while let Some((first, rest)) = bytes.split_first() {
            if self.payload_left == 0 {
                self.header.push(*first);
                bytes = rest;
                let Some(length) = payload_length(&self.header) else { continue };
                self.payload_left = length;
            } else {
                let taken = self.payload_left.min(bytes.len());
                self.payload_left -= taken;
                bytes = &bytes[taken..];
            }
            if self.payload_left == 0 {
                match self.header[0] & 0x0F {
                    TEXT => texts += 1,
                    PING => pings += 1,
                    _ => {}
                }
                self.header.clear();
            }
        }
        (texts, pings)
    }
}

/// Length of the payload, once the header is complete.
fn payload_length(header: &[u8]) -> Option<usize> {
    let short = usize::from(header.get(1)? & 0x7F);
    let extended = match short {
        126 => header.get(2..4)?,
        127 => header.get(2..10)?,
        _ => return Some(short),
    };
    Some(extended.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
}
