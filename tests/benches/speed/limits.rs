//! Limits that measurements are compared with: a route with a constant response, a commit of one row and nothing
//! else, a write of the same bytes to each connection. Each is a process of its own, as Heartbeat is.

use std::{
    io::Write,
    net::{TcpListener as StdListener, TcpStream as StdStream},
    process::Stdio,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, routing::any, serve::ListenerExt};
use heartbeat_tests::{Database, server::set_nodelay};
use rustix::process::Pid;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::{Child, Command},
};

use crate::load::Measurement;

/// Limits that are processes of this program.
pub(crate) const NAMES: [&str; 2] = ["constant", "writer"];

/// Process of a limit, killed when dropped.
#[derive(Debug)]
pub(crate) struct Limit {
    process: Child,
    /// Port on which it listens.
    pub(crate) port: u16,
}

impl Limit {
    /// Starts a limit by its name, with responses of `bytes` bytes.
    pub(crate) async fn start(name: &str, bytes: usize) -> Self {
        let program = std::env::current_exe().expect("the path of this program");
        let mut process = Command::new(program)
            .args([name, &bytes.to_string()])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("a process");
        let mut lines = BufReader::new(process.stdout.take().expect("its stdout")).lines();
        let port = lines.next_line().await.expect("a line").expect("a port").parse().expect("a port");
        Self { process, port }
    }

    /// Process id.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.process.id().expect("a running process").cast_signed()).expect("not zero")
    }
}

/// Runs as the process of a limit. The first argument is the number of bytes of a response.
#[expect(clippy::print_stdout, reason = "prints its port")]
pub(crate) async fn serve(name: &str, arguments: &[String]) {
    let bytes: usize = arguments.first().and_then(|it| it.parse().ok()).expect("a number of bytes");
    if name == "writer" {
        return write_each_second(bytes);
    }
    let body = Bytes::from(vec![b'x'; bytes]);
    let router = Router::new().route("/", any(async move || body.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("a local address").port());
    axum::serve(listener.tap_io(set_nodelay), router).await.expect("a server");
}

/// Accepts connections, and writes `bytes` bytes to each of them once a second.
#[expect(clippy::print_stdout, reason = "prints its port")]
fn write_each_second(bytes: usize) {
    let listener = StdListener::bind("127.0.0.1:0").expect("a port");
    println!("{}", listener.local_addr().expect("a local address").port());
    let (streams, frame) = (Arc::new(Mutex::new(Vec::<StdStream>::new())), vec![b'x'; bytes]);
    let accepted = Arc::clone(&streams);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("a connection");
            stream.set_nodelay(true).expect("a connection");
            accepted.lock().expect("the mutex is not poisoned").push(stream);
        }
    });
    let mut due = Instant::now();
    loop {
        due += Duration::from_secs(1);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        // Drops connections that were closed.
        streams
            .lock()
            .expect("the mutex is not poisoned")
            .retain_mut(|stream| stream.write_all(&frame).is_ok());
    }
}

/// Measures commits of one row with pgbench, over `connections` connections to the database at `url`: one prepared
/// statement a commit.
pub(crate) async fn bare_commits(
    database: &Database,
    url: &str,
    connections: usize,
    time: Duration,
) -> Measurement {
    database
        .execute("CREATE TABLE IF NOT EXISTS bare (device bigint NOT NULL, time_stamp timestamptz NOT NULL)")
        .await;
    let folder = tempfile::TempDir::new().expect("a folder");
    let script = folder.path().join("insert.sql");
    std::fs::write(&script, "INSERT INTO bare VALUES (1, now());\n").expect("a script");
    let output = Command::new("pgbench")
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=1", "--log"])
        .arg(format!("--client={connections}"))
        .arg(format!("--time={}", time.as_secs()))
        .arg(format!("--file={}", script.display()))
        .arg(format!("--log-prefix={}/log", folder.path().display()))
        .arg(url)
        .output()
        .await
        .expect("pgbench, which comes with PostgreSQL");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let log =
        std::fs::read_dir(folder.path()).expect("a folder").filter_map(Result::ok).map(|file| file.path());
    let log = log.filter(|path| path.file_name().is_some_and(|name| name != "insert.sql"));
    let log: String = log.map(|path| std::fs::read_to_string(path).expect("a log")).collect();
    // Client, number, microseconds, …: see "Per-Transaction Logging" in pgbench's manual.
    let times = log.lines().filter_map(|line| line.split(' ').nth(2)?.parse::<u32>().ok());
    Measurement::of(times.map(|microseconds| microseconds.saturating_mul(1000)).collect(), time)
}
