//! Operations of the server as a whole, in a process of its own under valgrind.

use std::time::Duration;

use futures_util::StreamExt;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::ChildStderr,
    sync::watch,
    time::timeout,
};
use tokio_tungstenite::connect_async;

use crate::{
    callgrind::Callgrind,
    fixture::{Fixture, program},
};

/// Name of the start in `tests/budgets.toml`: reading the configuration, listening, reading the stats, and stopping.
pub(crate) const STARTUP: &str = "startup";

/// Name of a frame to a viewer in `tests/budgets.toml`.
pub(crate) const FRAME: &str = "frame";

/// Number of starts, of which the median counts: how often its two threads wake each other differs by some per cent.
const STARTS: usize = 7;

/// Number of viewers: as many as make what is done once a second a small part, and as few as keep the server far from
/// being busy.
const VIEWERS: usize = 200;

/// Seconds for which they watch, in the shorter and in the longer of two runs. The difference is made of frames alone.
const SECONDS: [usize; 2] = [3, 13];

/// Timeout of anything that is waited for.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Counts the instructions of a start and of the stop that ends it.
pub(crate) async fn measure_startup() -> i64 {
    let fixture = Fixture::new(STARTUP).await;
    let mut counts = [0; STARTS];
    for count in &mut counts {
        *count = Server::start(STARTUP, &fixture).await.stop().await;
    }
    counts.sort_unstable();
    counts[STARTS / 2]
}

/// Counts the instructions of a frame to one viewer.
pub(crate) async fn measure_frame() -> i64 {
    let [short, long] = SECONDS.map(watch);
    let ((short, short_frames), (long, long_frames)) = tokio::join!(short, long);
    (long - short) / (long_frames - short_frames)
}

/// Has viewers watch a server until they have got a frame for each of these seconds. Returns the instructions of the
/// server, and the number of all frames.
async fn watch(seconds: usize) -> (i64, i64) {
    let name = format!("{FRAME}_{seconds}");
    let fixture = Fixture::new(&name).await;
    let server = Server::start(&name, &fixture).await;
    let frames = watch::Sender::new(0);
    let mut viewers = Vec::new();
    for _ in 0..VIEWERS {
        let (stream, _) = connect_async(server.stream_url()).await.expect("a viewer");
        let frames = frames.clone();
        viewers.push(tokio::spawn(stream.for_each(move |message| {
            if message.is_ok_and(|message| message.is_text()) {
                frames.send_modify(|frames| *frames += 1);
            }
            std::future::ready(())
        })));
    }
    let enough = async |frames: &mut watch::Receiver<usize>| {
        let _ = frames.wait_for(|frames| *frames >= seconds * VIEWERS).await;
    };
    timeout(TIMEOUT, enough(&mut frames.subscribe())).await.expect("frames");
    let instructions = server.stop().await;
    for viewer in viewers {
        viewer.await.expect("a viewer");
    }
    let frames = *frames.borrow();
    (instructions, i64::try_from(frames).expect("thousands"))
}

/// A server under valgrind.
struct Server {
    counted: Callgrind,
    log: Lines<BufReader<ChildStderr>>,
    port: u16,
}

impl Server {
    /// Starts a server; waits until it listens and has read the stats.
    async fn start(name: &str, fixture: &Fixture) -> Self {
        let mut counted = Callgrind::start(name, &program("heartbeat"), &["run"], &fixture.environment());
        fixture.relay.watch(counted.process.id());
        let log = counted.process.stderr.take().expect("its log");
        let mut server = Self { counted, log: BufReader::new(log).lines(), port: 0 };
        let line = server.wait_for("listening").await;
        server.port =
            line.rsplit_once("port=").and_then(|(_, port)| port.trim().parse().ok()).expect("a port");
        server.wait_for("the database is ready").await;
        server
    }

    fn stream_url(&self) -> String {
        format!("ws://127.0.0.1:{}/api/stats/ws", self.port)
    }

    /// Stops the server. Returns its instructions.
    async fn stop(mut self) -> i64 {
        let pid = self.counted.process.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        kill_process(pid.expect("a running server"), Signal::TERM).expect("a running server");
        let mut log = Vec::new();
        while let Ok(Some(line)) = self.log.next_line().await {
            log.push(line);
        }
        let status = timeout(TIMEOUT, self.counted.process.wait()).await.expect("an end").expect("a status");
        assert!(status.success(), "the server failed: {}", log.join("\n"));
        self.counted.total()
    }

    async fn wait_for(&mut self, text: &str) -> String {
        let found = async {
            while let Some(line) = self.log.next_line().await.expect("a log") {
                if line.contains(text) {
                    return line;
                }
            }
            panic!("the server ended before it logged {text:?}");
        };
        timeout(TIMEOUT, found).await.expect(text)
    }
}
