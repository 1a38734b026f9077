//! Thousands of viewers on one thread, who count what they receive and look at nothing in it.

use std::{
    cell::RefCell,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
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

/// Opcodes, and the bit that says that a length follows in eight bytes or in two (RFC 6455, section 5.2).
const TEXT: u8 = 1;
const PING: u8 = 9;

/// An empty pong, masked with zeros.
const PONG: [u8; 6] = [0x8A, 0x80, 0, 0, 0, 0];

/// People who watch; they leave when this goes out of scope.
#[derive(Debug)]
pub(crate) struct Viewers {
    seen: Arc<Seen>,
    _stay: oneshot::Sender<()>,
}

#[derive(Debug, Default)]
struct Seen {
    frames: AtomicU64,
    watching_gaps: AtomicBool,
    worst_gap_off: AtomicU64,
}

impl Viewers {
    /// Connects so many, and returns when each has its first frame. Those who use no WebSockets take every
    /// read for a frame.
    pub(crate) async fn connect(port: u16, number: usize, websockets: bool) -> Self {
        let seen = Arc::new(Seen::default());
        let (stay, leave) = oneshot::channel();
        let (connected, ready) = oneshot::channel();
        let theirs = Arc::clone(&seen);
        thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                for _ in 0..number {
                    let stream = connect(port, websockets).await;
                    tokio::spawn(watch(stream, Arc::clone(&theirs), websockets));
                }
                let _ = connected.send(());
                let _ = leave.await;
            });
        });
        ready.await.expect("connections");
        Self { seen, _stay: stay }
    }

    /// How many frames have come so far.
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    pub(crate) fn frames(&self) -> f64 {
        self.seen.frames.load(Relaxed) as f64
    }

    /// From now on the times between frames count.
    pub(crate) fn watch_gaps(&self) {
        self.seen.watching_gaps.store(true, Relaxed);
    }

    /// From now on they do not.
    pub(crate) fn stop_watching_gaps(&self) {
        self.seen.watching_gaps.store(false, Relaxed);
    }

    /// By how much the time between two frames was off a second where it was worst.
    pub(crate) fn worst_gap_off(&self) -> Duration {
        Duration::from_micros(self.seen.worst_gap_off.load(Relaxed))
    }
}

/// How many bytes a server's frame has before its payload.
pub(crate) fn header_length(payload: usize) -> usize {
    match payload {
        0..126 => 2,
        126..65_536 => 4,
        _ => 10,
    }
}

async fn connect(port: u16, websockets: bool) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    if websockets {
        let upgrade = "GET /api/stats/ws HTTP/1.1\r\nhost: heartbeat\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
            sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(upgrade.as_bytes()).await.expect("a connection");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("an answer"));
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    }
    stream
}

async fn watch(mut stream: TcpStream, seen: Arc<Seen>, websockets: bool) {
    thread_local!(static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 256 * 1024]));
    let (mut frames, mut last) = (Frames::default(), None);
    loop {
        stream.ready(Interest::READABLE).await.expect("a connection");
        let read = BUFFER.with_borrow_mut(|buffer| match stream.try_read(buffer) {
            Ok(0) => None,
            Ok(read) if websockets => Some(frames.read(&buffer[..read])),
            Ok(_) => Some((1, 0)),
            Err(_) => Some((0, 0)),
        });
        let Some((texts, pings)) = read else { return };
        for _ in 0..pings {
            stream.write_all(&PONG).await.expect("a connection");
        }
        if texts > 0 {
            let now = Instant::now();
            seen.frames.fetch_add(texts, Relaxed);
            if let Some(last) = last.replace(now)
                && seen.watching_gaps.load(Relaxed)
            {
                let off = (now - last).abs_diff(Duration::from_secs(1));
                seen.worst_gap_off.fetch_max(u64::try_from(off.as_micros()).unwrap_or(u64::MAX), Relaxed);
            }
        }
    }
}

/// Where a stream of frames is at.
#[derive(Debug, Default)]
struct Frames {
    header: Vec<u8>,
    payload_left: usize,
}

impl Frames {
    /// Takes what has come; returns how many texts and how many pings ended in it.
    fn read(&mut self, mut received: &[u8]) -> (u64, u64) {
        let (mut texts, mut pings) = (0, 0);
        while let Some((first, rest)) = received.split_first() {
            if self.payload_left == 0 {
                self.header.push(*first);
                received = rest;
                let Some(length) = payload_length(&self.header) else { continue };
                self.payload_left = length;
            } else {
                let taken = self.payload_left.min(received.len());
                self.payload_left -= taken;
                received = &received[taken..];
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

/// The length of the payload, once the header is complete.
fn payload_length(header: &[u8]) -> Option<usize> {
    let short = usize::from(header.get(1)? & 0x7F);
    let extended = match short {
        126 => header.get(2..4)?,
        127 => header.get(2..10)?,
        _ => return Some(short),
    };
    Some(extended.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
}
