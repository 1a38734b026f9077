//! The running database: PostgreSQL's main process.

use std::{
    fmt,
    fs::{self, File},
    io,
    os::unix::ffi::OsStrExt,
    path::Path,
    process::Stdio,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Split},
    net::UnixStream,
    process::{Child, ChildStderr, Command},
    time::{Instant, timeout_at},
};

use super::{
    EmbeddedError,
    cluster::{Cluster, SOCKET_NAME},
    data_lock, flush,
};

/// Log message of PostgreSQL, in every version, once it accepts connections.
const READY_MESSAGE: &str = "database system is ready to accept connections";

/// Minimum timeout of a fast shutdown, which closes connections and writes a checkpoint; and the timeout of the
/// immediate one that follows, which leaves recovery to the next start.
const SHUTDOWN_MIN_TIMEOUT: Duration = Duration::from_secs(1);

/// Timeout of the lock on the data, which the processes of a database that has ended may hold for a moment longer.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// The main process of the database, a child of this process.
#[derive(Debug)]
pub(super) struct Postmaster(Child);

impl Postmaster {
    /// Starts the database and waits until it accepts connections.
    pub(super) async fn start(cluster: &Cluster) -> Result<Self, EmbeddedError> {
        let lock = clean_up(cluster).await?;
        let mut command = cluster.identity.command(cluster.version.program("postgres"));
        command.arg("-D").arg(&cluster.data);
        // The setting is a list of folders, in which quotes protect commas and spaces.
        let sockets = cluster.sockets.display().to_string().replace('"', "\"\"");
        command.arg("-c").arg(format!("unix_socket_directories=\"{sockets}\""));
        // These override the cluster's own configuration file.
        for setting in ["listen_addresses=", "port=5432", "logging_collector=off", "log_destination=stderr"] {
            command.arg("-c").arg(setting);
        }
        if flush::is_syncfs_reliable(&cluster.data) {
            command.arg("-c").arg("recovery_init_sync_method=syncfs");
        }
        // Every process of the database inherits the lock, so it is held as long as one of them lives.
        command.stdin(lock);
        // `drop` requests a shutdown instead.
        command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(false);
        let mut postmaster = Self(command.spawn().map_err(|error| failed(&error))?);
        let stderr = postmaster.0.stderr.take().ok_or_else(|| failed(&"no output"))?;
        let mut lines = BufReader::new(stderr).split(b'\n');
        wait_until_ready(&mut lines).await?;
        tokio::spawn(relay_log(lines));
        Ok(postmaster)
    }

    /// Waits until the database has ended.
    pub(super) async fn ended(&mut self) {
        if let Err(error) = self.0.wait().await {
            tracing::error!(%error, "cannot wait for the embedded PostgreSQL");
        }
    }

    /// Shuts the database down: with a fast shutdown until `deadline`, then an immediate one (PostgreSQL's manual,
    /// section 19.5), and in the end by SIGKILL.
    pub(super) async fn stop(mut self, deadline: Instant) {
        let fast_deadline = deadline.max(Instant::now() + SHUTDOWN_MIN_TIMEOUT);
        let immediate_deadline = fast_deadline + SHUTDOWN_MIN_TIMEOUT;
        for (signal, deadline) in [(Signal::INT, fast_deadline), (Signal::QUIT, immediate_deadline)] {
            self.send_signal(signal);
            if timeout_at(deadline, self.ended()).await.is_ok() {
                return;
            }
        }
        self.send_signal(Signal::KILL);
        self.ended().await;
    }

    fn send_signal(&self, signal: Signal) {
        if let Some(pid) = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            // An error means that the process has just ended.
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for Postmaster {
    /// Requests a fast shutdown, without waiting for it.
    fn drop(&mut self) {
        self.send_signal(Signal::INT);
    }
}

/// Cleans up after a Heartbeat that was killed: stops its database, which runs on, and removes stale lock files.
/// The process id in them may be another process's by now, which PostgreSQL would take for a running database.
///
/// Returns the lock on the data.
async fn clean_up(cluster: &Cluster) -> Result<File, EmbeddedError> {
    let pid_file = cluster.data.join("postmaster.pid");
    let text = match fs::read_to_string(&pid_file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(EmbeddedError::File { path: pid_file, error }),
    };
    if let Some(pid) = text.lines().next()
        && runs_on(pid, &cluster.data).await
    {
        tracing::info!("stopping the PostgreSQL that a killed Heartbeat left running");
        let mut pg_ctl = cluster.identity.command(cluster.version.program("pg_ctl"));
        pg_ctl.arg("stop").arg("-D").arg(&cluster.data).args(["-m", "fast", "-w"]);
        let output = pg_ctl.output().await.map_err(|error| failed(&error))?;
        if !output.status.success() {
            return Err(failed(&String::from_utf8_lossy(&output.stderr).trim()));
        }
    }
    let lock = data_lock::lock(&cluster.data, LOCK_TIMEOUT).await?;
    let socket = cluster.sockets.join(SOCKET_NAME);
    // Databases that Heartbeat 0.1.0 or another program started hold no lock, but answer.
    if UnixStream::connect(&socket).await.is_ok() {
        return Err(EmbeddedError::RunsElsewhere(cluster.data.clone()));
    }
    for stale in [pid_file, socket.with_added_extension("lock"), socket] {
        match fs::remove_file(&stale) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(EmbeddedError::File { path: stale, error });
            }
            _ => {}
        }
    }
    Ok(lock)
}

/// Whether process `pid` is a PostgreSQL that runs on `data`. Its command line holds the folder.
async fn runs_on(pid: &str, data: &Path) -> bool {
    let data = data.as_os_str().as_bytes();
    if let Ok(arguments) = fs::read(Path::new("/proc").join(pid).join("cmdline")) {
        return arguments.split(|byte| *byte == 0).any(|argument| argument == data);
    }
    // Systems without /proc. On those with it there is no such process, and ps finds none either.
    let output = Command::new("ps").args(["-ww", "-o", "args=", "-p", pid]).output().await;
    output.is_ok_and(|output| output.stdout.windows(data.len()).any(|part| part == data))
}

/// Waits for [`READY_MESSAGE`]. Fails with all other lines if the database ends before.
async fn wait_until_ready(lines: &mut Split<BufReader<ChildStderr>>) -> Result<(), EmbeddedError> {
    let mut lines_so_far = Vec::new();
    while let Some(line) = lines.next_segment().await.map_err(|error| failed(&error))? {
        let line = String::from_utf8_lossy(&line).into_owned();
        tracing::debug!(target: "heartbeat::postgres", "{line}");
        if line.contains(READY_MESSAGE) {
            return Ok(());
        }
        lines_so_far.push(line);
    }
    Err(failed(&lines_so_far.join("; ")))
}

/// Passes PostgreSQL's log on, line by line.
async fn relay_log(mut lines: Split<BufReader<ChildStderr>>) {
    while let Ok(Some(line)) = lines.next_segment().await {
        tracing::debug!(target: "heartbeat::postgres", "{}", String::from_utf8_lossy(&line));
    }
}

fn failed(output: &dyn fmt::Display) -> EmbeddedError {
    EmbeddedError::Program { program: "postgres".to_owned(), output: output.to_string() }
}
