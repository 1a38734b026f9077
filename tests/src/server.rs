//! A running `heartbeat`, started as a user would start it, with its log.

use std::{
    path::{Path, PathBuf},
    process::{ExitStatus, Output, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, ChildStderr, Command},
    sync::watch,
    time::timeout,
};

use crate::{Client, Database, Viewer};

/// The owner's key, unless a test says otherwise.
pub const SECRET_KEY: &str = "the owner's key";

/// When a server that should say something is taken to have failed.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// What a server is started with. Nothing of the test's own environment reaches it.
#[derive(Debug, Clone)]
pub struct ServerBuilder {
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    descriptors: Option<u64>,
    home: Arc<TempDir>,
}

/// A server process, killed when it goes out of scope.
#[derive(Debug)]
pub struct Server {
    process: Child,
    log: Arc<Mutex<String>>,
    lines: watch::Receiver<usize>,
    home: Arc<TempDir>,
    base: String,
}

impl ServerBuilder {
    /// A server with a home folder of its own and no configuration at all.
    pub fn bare() -> Self {
        let home = Arc::new(TempDir::new().expect("a temporary folder"));
        let path = std::env::var("PATH").unwrap_or_default();
        Self { arguments: Vec::new(), environment: Vec::new(), descriptors: None, home: Arc::clone(&home) }
            .environment("PATH", &path)
            .environment("HOME", &home.path().join("user").display().to_string())
            .environment("HEARTBEAT_HOME", &home.path().display().to_string())
    }

    /// A server on `database` and a free port, with [`SECRET_KEY`].
    pub fn on(database: &Database) -> Self {
        Self::bare()
            .environment("HEARTBEAT_DATABASE_DSN", &database.url())
            .environment("HEARTBEAT_BIND", "127.0.0.1:0")
            .environment("HEARTBEAT_SECRET_KEY", SECRET_KEY)
    }

    /// Adds an argument to the command line.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Lets it have only so many file descriptors.
    #[must_use]
    pub fn descriptors(self, number: u64) -> Self {
        Self { descriptors: Some(number), ..self }
    }

    /// Writes `config.toml` in the home folder.
    #[must_use]
    pub fn config_file(self, text: &str) -> Self {
        std::fs::write(self.home.path().join("config.toml"), text).expect("a configuration file");
        self
    }

    /// The home folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Starts it and waits until it listens and has reached its database.
    pub async fn start(&self) -> Server {
        let mut server = self.start_listening().await;
        server.wait_for("the database is ready").await;
        server
    }

    /// Starts it and waits until it listens.
    pub async fn start_listening(&self) -> Server {
        let mut server = self.spawn();
        let line = server.wait_for("heartbeat::listener: listening").await;
        if let Some((_, port)) = line.split_once("port=") {
            server.base = format!("http://127.0.0.1:{}", port.trim());
        }
        server
    }

    /// Runs it to its end, for commands and expected errors; returns the exit code and what
    /// it said.
    pub async fn run(&self) -> (i32, String) {
        let output =
            timeout(TEST_TIMEOUT, self.command().output()).await.expect("an end").expect("a process");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
    }

    /// Runs it to its end with `input` on its standard input.
    pub async fn pipe(&self, input: &str) -> Output {
        let mut command = self.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("a process");
        let mut stdin = process.stdin.take().expect("its standard input");
        let ((), output) = tokio::join!(
            async {
                // It need not read to the end.
                let _ = stdin.write_all(input.as_bytes()).await;
                drop(stdin);
            },
            timeout(TEST_TIMEOUT, process.wait_with_output())
        );
        output.expect("an end").expect("its output")
    }

    /// Starts it and waits for nothing.
    pub fn spawn(&self) -> Server {
        let mut process = self.command().stderr(Stdio::piped()).spawn().expect("a server process");
        let stderr = process.stderr.take().expect("its log");
        let (log, lines) = keep_log(stderr);
        Server { process, log, lines, home: Arc::clone(&self.home), base: String::new() }
    }

    fn command(&self) -> Command {
        let mut command = match self.descriptors {
            None => Command::new(program()),
            Some(number) => {
                let mut shell = Command::new("sh");
                shell.arg("-c").arg(format!("ulimit -n {number}; exec \"$0\" \"$@\"")).arg(program());
                shell
            }
        };
        command.args(&self.arguments).env_clear().envs(self.environment.iter().cloned());
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}

impl Server {
    /// A server on a fresh database.
    pub async fn fresh() -> (Self, Database) {
        let database = Database::create().await;
        (ServerBuilder::on(&database).start().await, database)
    }

    /// Returns a client that knows the server's URL and nothing else.
    pub fn stranger(&self) -> Client {
        Client::new(&self.base)
    }

    /// Returns a client that knows the secret key.
    pub fn owner(&self) -> Client {
        self.stranger().authorized(SECRET_KEY)
    }

    /// A newly registered device.
    pub async fn device(&self, name: &str) -> Client {
        let (_, token) = self.owner().register(name).await;
        self.stranger().authorized(&token)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.base.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port")
    }

    /// Returns a viewer of the stream.
    pub async fn viewer(&self) -> Viewer {
        Viewer::connect(&format!("ws://127.0.0.1:{}/api/stats/ws", self.port())).await
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        let id = self.process.id().expect("a running server");
        Pid::from_raw(id.cast_signed()).expect("not zero")
    }

    /// How much memory it takes, in kB.
    pub fn resident(&self) -> i64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("its status");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        resident.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Its home folder.
    pub fn home(&self) -> PathBuf {
        self.home.path().to_owned()
    }

    /// All that it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("no test panics while it reads").clone()
    }

    /// Waits for a line of the log that holds `text`.
    pub async fn wait_for(&mut self, text: &str) -> String {
        let found = async {
            loop {
                if let Some(line) = self.log().lines().find(|line| line.contains(text)) {
                    return line.to_owned();
                }
                assert!(
                    self.lines.changed().await.is_ok(),
                    "it ended before it said {text:?}:\n{}",
                    self.log()
                );
            }
        };
        let line = timeout(TEST_TIMEOUT, found).await;
        line.unwrap_or_else(|_| panic!("it did not say {text:?}"))
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("a running server");
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        timeout(TEST_TIMEOUT, self.process.wait()).await.expect("an end").expect("a status")
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended().await
    }
}

/// Keeps what a process logs, and counts the lines.
pub fn keep_log(stderr: ChildStderr) -> (Arc<Mutex<String>>, watch::Receiver<usize>) {
    let log = Arc::new(Mutex::new(String::new()));
    let (said, lines) = watch::channel(0);
    let kept = Arc::clone(&log);
    tokio::spawn(async move {
        let mut reader = BufReader::new(stderr).lines();
        while let Ok(Some(line)) = reader.next_line().await {
            kept.lock().expect("no test panics while it reads").push_str(&(line + "\n"));
            said.send_modify(|count| *count += 1);
        }
    });
    (log, lines)
}

/// Lets a connection send at once, as Heartbeat's own do.
pub fn without_delay(stream: &mut TcpStream) {
    // A connection that has gone by now is found out when it is read.
    let _ = stream.set_nodelay(true);
}

/// The server's program.
pub fn program() -> PathBuf {
    program_called("heartbeat")
}

/// A program of this workspace, which stands beside the folder of the tests.
pub fn program_called(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let program = test.ancestors().nth(2).expect("target/<profile>").join(name);
    assert!(program.exists(), "{} is missing: run the tests with `make test`", program.display());
    program
}
