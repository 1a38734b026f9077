//! A running `heartbeat` process, configured through its environment, with its log.

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

use crate::{Client, Database, ReservedPort, Viewer};

/// Secret key of the owner, unless a test sets another.
pub const SECRET_KEY: &str = "the owner's key";

/// Timeout of a log line, and of the end of a process.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// Configuration of a server process, which inherits nothing from the test's own environment.
#[derive(Debug, Clone)]
pub struct ServerBuilder {
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    max_file_descriptors: Option<u64>,
    home: Arc<TempDir>,
    port: Option<Arc<ReservedPort>>,
}

/// Server process, killed when dropped.
#[derive(Debug)]
pub struct Server {
    process: Child,
    log: Arc<Mutex<String>>,
    lines: watch::Receiver<usize>,
    home: Arc<TempDir>,
    /// Kept reserved while the server runs.
    _port: Option<Arc<ReservedPort>>,
    base: String,
}

impl ServerBuilder {
    /// Returns a server with a home folder of its own and no configuration at all.
    pub fn bare() -> Self {
        let home = Arc::new(TempDir::new().expect("a temporary folder"));
        let path = std::env::var("PATH").unwrap_or_default();
        Self {
            arguments: Vec::new(),
            environment: Vec::new(),
            max_file_descriptors: None,
            home: Arc::clone(&home),
            port: None,
        }
        .environment("PATH", &path)
        .environment("HOME", &home.path().join("user").display().to_string())
        .environment("HEARTBEAT_HOME", &home.path().display().to_string())
    }

    /// Returns a server on `database` and a free port, with [`SECRET_KEY`].
    pub fn on(database: &Database) -> Self {
        Self::bare()
            .environment("HEARTBEAT_DATABASE_DSN", &database.url())
            .environment("HEARTBEAT_BIND", "127.0.0.1:0")
            .environment("HEARTBEAT_SECRET_KEY", SECRET_KEY)
    }

    /// Binds to a port that is known, and the same for all servers of this builder.
    #[must_use]
    pub fn fixed_port(self) -> (Self, u16) {
        let port = ReservedPort::new();
        let number = port.number();
        let bound = self.environment("HEARTBEAT_BIND", &format!("127.0.0.1:{number}"));
        (Self { port: Some(Arc::new(port)), ..bound }, number)
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

    /// Trusts this machine as a proxy, so that clients here have no share of connections and viewers.
    #[must_use]
    pub fn without_shares(self) -> Self {
        self.environment("HEARTBEAT_TRUSTED_PROXIES", "127.0.0.1")
    }

    /// Limits the number of open files (`ulimit -n`).
    #[must_use]
    pub fn max_file_descriptors(self, number: u64) -> Self {
        Self { max_file_descriptors: Some(number), ..self }
    }

    /// Writes `config.toml` in the home folder.
    #[must_use]
    pub fn config_file(self, text: &str) -> Self {
        std::fs::write(self.home.path().join("config.toml"), text).expect("a configuration file");
        self
    }

    /// Home folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Starts the server; waits until it listens and its database is ready.
    pub async fn start(&self) -> Server {
        let mut server = self.start_listening().await;
        server.wait_for("the database is ready").await;
        server
    }

    /// Starts the server; waits until it listens.
    pub async fn start_listening(&self) -> Server {
        let mut server = self.spawn();
        let line = server.wait_for("heartbeat::listener: listening").await;
        if let Some((_, port)) = line.split_once("port=") {
            server.base = format!("http://127.0.0.1:{}", port.trim());
        }
        server
    }

    /// Runs the program to its end, for commands and expected errors; returns the exit code and the output of both
    /// stdout and stderr.
    pub async fn run(&self) -> (i32, String) {
        let output =
            timeout(TEST_TIMEOUT, self.command().output()).await.expect("an end").expect("a process");
        let printed = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&printed).into_owned())
    }

    /// Runs the program to its end with `input` on stdin.
    pub async fn pipe(&self, input: &str) -> Output {
        let mut command = self.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("a process");
        let mut stdin = process.stdin.take().expect("its standard input");
        let ((), output) = tokio::join!(
            async {
                // The program may exit before it has read everything.
                let _ = stdin.write_all(input.as_bytes()).await;
                drop(stdin);
            },
            timeout(TEST_TIMEOUT, process.wait_with_output())
        );
        output.expect("an end").expect("its output")
    }

    /// Starts the server without waiting.
    pub fn spawn(&self) -> Server {
        let mut process = self.command().stderr(Stdio::piped()).spawn().expect("a server process");
        let stderr = process.stderr.take().expect("its log");
        let (log, lines) = collect_log(stderr);
        Server {
            process,
            log,
            lines,
            home: Arc::clone(&self.home),
            _port: self.port.clone(),
            base: String::new(),
        }
    }

    fn command(&self) -> Command {
        let mut command = match self.max_file_descriptors {
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
    /// Starts a server on a fresh database.
    pub async fn fresh() -> (Self, Database) {
        let database = Database::create().await;
        (ServerBuilder::on(&database).start().await, database)
    }

    /// Returns a client without credentials.
    pub fn stranger(&self) -> Client {
        Client::new(&self.base)
    }

    /// Returns a client with the secret key.
    pub fn owner(&self) -> Client {
        self.stranger().authorized(SECRET_KEY)
    }

    /// Registers a device; returns a client with its token.
    pub async fn device(&self, name: &str) -> Client {
        let (_, token) = self.owner().register(name).await;
        self.stranger().authorized(&token)
    }

    /// URL of the server.
    pub fn url(&self) -> String {
        self.base.clone()
    }

    /// Port on which the server listens.
    pub fn port(&self) -> u16 {
        self.base.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port")
    }

    /// Connects a viewer to the stream.
    pub async fn viewer(&self) -> Viewer {
        Viewer::connect(&format!("ws://127.0.0.1:{}/api/stats/ws", self.port())).await
    }

    /// Connects a viewer that asks for changes alone.
    pub async fn viewer_of_changes(&self) -> Viewer {
        Viewer::connect(&format!("ws://127.0.0.1:{}/api/stats/ws?frames=changes", self.port())).await
    }

    /// Process id.
    pub fn pid(&self) -> Pid {
        let id = self.process.id().expect("a running server");
        Pid::from_raw(id.cast_signed()).expect("not zero")
    }

    /// Resident memory, in kB.
    pub fn resident_memory(&self) -> i64 {
        self.memory("VmRSS:")
    }

    /// Resident memory without the pages of files, such as those of the program, in kB.
    pub fn anonymous_memory(&self) -> i64 {
        self.memory("RssAnon:")
    }

    fn memory(&self, kind: &str) -> i64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("its status");
        let memory = status.lines().find_map(|line| line.strip_prefix(kind)).expect(kind);
        memory.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Home folder.
    pub fn home(&self) -> PathBuf {
        self.home.path().to_owned()
    }

    /// Log so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("the mutex is not poisoned").clone()
    }

    /// Waits for a log line that contains `text`; returns the line.
    pub async fn wait_for(&mut self, text: &str) -> String {
        let found = async {
            loop {
                if let Some(line) = self.log().lines().find(|line| line.contains(text)) {
                    return line.to_owned();
                }
                assert!(
                    self.lines.changed().await.is_ok(),
                    "the server exited before it logged {text:?}:\n{}",
                    self.log()
                );
            }
        };
        let line = timeout(TEST_TIMEOUT, found).await;
        line.unwrap_or_else(|_| panic!("timeout: the server did not log {text:?}:\n{}", self.log()))
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("a running server");
    }

    /// Waits until the process has exited.
    pub async fn ended(&mut self) -> ExitStatus {
        timeout(TEST_TIMEOUT, self.process.wait()).await.expect("an end").expect("a status")
    }

    /// Stops the server with SIGTERM; waits until it has exited.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended().await
    }
}

/// Collects the log of a process, and counts its lines.
pub fn collect_log(stderr: ChildStderr) -> (Arc<Mutex<String>>, watch::Receiver<usize>) {
    let log = Arc::new(Mutex::new(String::new()));
    let (count, lines) = watch::channel(0);
    let collected = Arc::clone(&log);
    tokio::spawn(async move {
        let mut reader = BufReader::new(stderr).lines();
        while let Ok(Some(line)) = reader.next_line().await {
            collected.lock().expect("the mutex is not poisoned").push_str(&(line + "\n"));
            count.send_modify(|count| *count += 1);
        }
    });
    (log, lines)
}

/// Sets `TCP_NODELAY` on a connection, as Heartbeat does on its own.
pub fn set_nodelay(stream: &mut TcpStream) {
    // A connection that is closed already fails when it is next read.
    let _ = stream.set_nodelay(true);
}

/// Path of the `heartbeat` program.
pub fn program() -> PathBuf {
    program_named("heartbeat")
}

/// Path of a program of this workspace, in `target/<profile>`; tests are in `deps` below.
pub fn program_named(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let program = test.ancestors().nth(2).expect("target/<profile>").join(name);
    assert!(program.exists(), "{} is missing: run the tests with `make test`", program.display());
    program
}
