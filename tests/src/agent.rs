//! `heartbeat-agent` as a process, with a home folder of its own and an environment that holds nothing else.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
    sync::watch,
    time::timeout,
};

use crate::{
    Database, Server,
    server::{collect_log, program_named},
};

/// Timeout of a command, and of a log line: longer than the minute between two beats.
const TEST_TIMEOUT: Duration = Duration::from_secs(100);

/// A user's home folder and environment, in which commands of the agent run.
#[derive(Debug, Clone)]
pub struct AgentHome {
    home: Arc<TempDir>,
    /// The agent's program, or another that runs it and the arguments of that.
    program: Vec<PathBuf>,
    environment: Vec<(String, String)>,
}

/// A running agent, killed when dropped.
#[derive(Debug)]
pub struct Agent {
    process: Child,
    log: Arc<Mutex<String>>,
    lines: watch::Receiver<usize>,
    home: AgentHome,
}

/// Returns a server with a device, and the home of an agent that is set up to beat as it.
pub async fn set_up() -> (Server, Database, AgentHome) {
    let (server, database) = Server::fresh().await;
    let (_, token) = server.owner().register("Laptop").await;
    let home = AgentHome::new();
    home.set_up(&server.url(), &token).await;
    (server, database, home)
}

/// Beats in the database.
pub async fn beats(database: &Database) -> i64 {
    database.number("SELECT count(*) FROM heartbeat.beats").await
}

impl AgentHome {
    /// Returns a home without configuration.
    pub fn new() -> Self {
        let home = Arc::new(TempDir::new().expect("a temporary folder"));
        let path = std::env::var("PATH").unwrap_or_default();
        let program = vec![program_named("heartbeat-agent")];
        let folder = |name: &str| home.path().join(name).display().to_string();
        std::fs::create_dir(home.path().join("run")).expect("a folder");
        Self { home: Arc::clone(&home), program, environment: Vec::new() }
            .environment("PATH", &path)
            .environment("HOME", &folder(""))
            .environment("XDG_RUNTIME_DIR", &folder("run"))
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes a copy of the program, in a folder of this name within the home.
    #[must_use]
    pub fn program_in(mut self, folder: &str) -> Self {
        let folder = self.path().join(folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let copy = folder.join("heartbeat-agent");
        // By another process: a child that another test starts meanwhile would inherit the file open for writing, and
        // a program that is open for writing does not start.
        let status = std::process::Command::new("cp").arg(self.program()).arg(&copy).status();
        assert!(status.expect("cp").success());
        self.program = vec![copy];
        self
    }

    /// Path of the program.
    pub fn program(&self) -> &Path {
        self.program.last().expect("a program")
    }

    /// Everything in the home, but for what belongs to the session.
    pub fn files(&self) -> BTreeSet<PathBuf> {
        let (mut found, mut folders) = (BTreeSet::new(), vec![self.path().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let entry = entry.expect("an entry");
                if entry.file_type().expect("its type").is_dir() && entry.file_name() != "run" {
                    folders.push(entry.path());
                }
                found.insert(entry.path().strip_prefix(self.path()).expect("within the home").to_owned());
            }
        }
        found
    }

    /// Gives a command the environment of this user.
    pub fn environ(&self, mut command: Command) -> Command {
        command.env_clear().envs(self.environment.iter().cloned());
        command
    }

    /// Runs another program than the agent of this platform: its path, or that of one that runs it and its arguments.
    #[must_use]
    pub fn with_program(self, words: &[&Path]) -> Self {
        Self { program: words.iter().map(|word| word.to_path_buf()).collect(), ..self }
    }

    /// Path of the home folder.
    pub fn path(&self) -> &Path {
        self.home.path()
    }

    /// Path of the configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.path().join(".config/heartbeat-agent/config.toml")
    }

    /// Adds a line to the configuration.
    pub fn configure(&self, line: &str) {
        let text = std::fs::read_to_string(self.config_file()).expect("a configuration");
        std::fs::write(self.config_file(), format!("{text}{line}\n")).expect("a configuration");
    }

    /// Command with `arguments`.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.environ(Command::new(&self.program[0]));
        command.args(&self.program[1..]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Runs a command to its end; returns its exit code, and what it printed to standard output and standard error.
    pub async fn run(&self, arguments: &[&str]) -> (i32, String) {
        read(self.command(arguments).output().await.expect("a process"))
    }

    /// Runs a command to its end with `input` on standard input.
    pub async fn pipe(&self, arguments: &[&str], input: &str) -> (i32, String) {
        let mut process = self.command(arguments).stdin(Stdio::piped()).spawn().expect("a process");
        let mut stdin = process.stdin.take().expect("its standard input");
        // The program may exit before it has read everything.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        read(timeout(TEST_TIMEOUT, process.wait_with_output()).await.expect("an end").expect("its output"))
    }

    /// Sets the agent up for a server at `url`.
    pub async fn set_up(&self, url: &str, token: &str) {
        let (code, printed) = self.pipe(&["setup", url], token).await;
        assert_eq!(code, 0, "{printed}");
    }

    /// Starts the agent.
    pub fn start(&self, arguments: &[&str]) -> Agent {
        let mut process = self.command(&[&["run"], arguments].concat()).spawn().expect("an agent");
        let (log, lines) = collect_log(process.stderr.take().expect("its log"));
        Agent { process, log, lines, home: self.clone() }
    }
}

impl Default for AgentHome {
    fn default() -> Self {
        Self::new()
    }
}

impl Agent {
    /// Log so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("the mutex is not poisoned").clone()
    }

    /// Waits for a new log line that contains `text`, after the first `seen` bytes of the log; returns how many bytes to
    /// skip next time.
    pub async fn wait_for_after(&mut self, seen: usize, text: &str) -> usize {
        let found = async {
            loop {
                let log = self.log();
                if let Some(position) = log[seen..].find(text) {
                    return seen + position + text.len();
                }
                assert!(
                    self.lines.changed().await.is_ok(),
                    "the agent exited before it logged {text:?}:\n{log}"
                );
            }
        };
        let position = timeout(TEST_TIMEOUT, found).await;
        position.unwrap_or_else(|_| panic!("timeout: the agent did not log {text:?}"))
    }

    /// Waits for a log line that contains `text`.
    pub async fn wait_for(&mut self, text: &str) -> usize {
        self.wait_for_after(0, text).await
    }

    /// What `status --json` says.
    pub async fn status(&self) -> Value {
        let (code, printed) = self.home.run(&["status", "--json"]).await;
        assert_eq!(code, 0, "{printed}");
        serde_json::from_str(&printed).expect("JSON")
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.process.id().expect("a running agent")
    }

    /// Waits until the agent has exited; returns its exit code.
    pub async fn ended(&mut self) -> i32 {
        let status = timeout(TEST_TIMEOUT, self.process.wait()).await.expect("an end").expect("a status");
        status.code().unwrap_or(-1)
    }

    /// Kills the agent.
    pub async fn kill(mut self) {
        self.process.kill().await.expect("a running agent");
    }
}

fn read(output: Output) -> (i32, String) {
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&printed).into_owned())
}
