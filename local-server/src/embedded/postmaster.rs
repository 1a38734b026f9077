//! The running database.

use std::{fmt, fs, io, os::unix::ffi::OsStrExt, path::Path, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Split},
    process::{Child, ChildStderr, Command},
    time::{Instant, timeout_at},
};

use super::{
    EmbeddedError,
    cluster::{Cluster, SOCKET_NAME},
};

/// What PostgreSQL logs, in every version, when it can be used.
const READY: &str = "database system is ready to accept connections";

/// How long the database is given at least to close its connections and write a checkpoint before it
/// is told to leave that to the next start, as a crash does; and then, to do as it was told.
const STOP_MIN_TIMEOUT: Duration = Duration::from_secs(1);

/// The main process of the database, as a child of ours.
#[derive(Debug)]
pub(super) struct Postmaster(Child);

impl Postmaster {
    /// Starts the database and waits until it can be used.
    pub(super) async fn start(cluster: &Cluster) -> Result<Self, EmbeddedError> {
        clear_the_way(cluster).await?;
        let mut command = cluster.identity.command(cluster.version.program("postgres"));
        command.arg("-D").arg(&cluster.data);
        // A list of folders, in which quotes keep commas and blanks.
        let sockets = cluster.sockets.display().to_string().replace('"', "\"\"");
        command.arg("-c").arg(format!("unix_socket_directories=\"{sockets}\""));
        // What the cluster's own file may say otherwise, but must not.
        for setting in ["listen_addresses=", "port=5432", "logging_collector=off", "log_destination=stderr"] {
            command.arg("-c").arg(setting);
        }
        // Not to be killed, but told to stop: see `drop`.
        command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(false);
        let mut postmaster = Self(command.spawn().map_err(|error| failed(&error))?);
        let stderr = postmaster.0.stderr.take().ok_or_else(|| failed(&"no output"))?;
        let mut lines = BufReader::new(stderr).split(b'\n');
        until_ready(&mut lines).await?;
        tokio::spawn(log(lines));
        Ok(postmaster)
    }

    /// Waits until the database has ended.
    pub(super) async fn ended(&mut self) {
        if let Err(error) = self.0.wait().await {
            tracing::error!("cannot wait for the embedded PostgreSQL: {error}");
        }
    }

    /// Shuts the database down: cleanly if that is done by `deadline`, otherwise in ever less polite
    /// ways ("fast" and "immediate" shutdown: PostgreSQL's manual, section 19.5).
    pub(super) async fn stop(mut self, deadline: Instant) {
        let polite = deadline.max(Instant::now() + STOP_MIN_TIMEOUT);
        for (signal, limit) in [(Signal::INT, polite), (Signal::QUIT, polite + STOP_MIN_TIMEOUT)] {
            self.tell(signal);
            if timeout_at(limit, self.ended()).await.is_ok() {
                return;
            }
        }
        self.tell(Signal::KILL);
        self.ended().await;
    }

    fn tell(&self, signal: Signal) {
        if let Some(pid) = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            // An error says that it has just ended by itself.
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for Postmaster {
    /// Nobody looks after it any more: let it end by itself, in good order.
    fn drop(&mut self) {
        self.tell(Signal::INT);
    }
}

/// Ends what a Heartbeat that was killed has left behind: its database, which runs on without it, and
/// the notes of one that is dead, whose number may be another process's by now.
async fn clear_the_way(cluster: &Cluster) -> Result<(), EmbeddedError> {
    let note = cluster.data.join("postmaster.pid");
    let text = match fs::read_to_string(&note) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(EmbeddedError::File { path: note, error }),
    };
    if let Some(number) = text.lines().next()
        && is_ours(number, &cluster.data).await
    {
        tracing::info!("stopping the PostgreSQL that an earlier Heartbeat left running");
        let mut pg_ctl = cluster.identity.command(cluster.version.program("pg_ctl"));
        pg_ctl.arg("stop").arg("-D").arg(&cluster.data).args(["-m", "fast", "-w"]);
        let output = pg_ctl.output().await.map_err(|error| failed(&error))?;
        if !output.status.success() {
            return Err(failed(&String::from_utf8_lossy(&output.stderr).trim()));
        }
    }
    // The lock on the home folder says that no other Heartbeat has a database here.
    let socket = cluster.sockets.join(SOCKET_NAME);
    for left in [note, socket.with_added_extension("lock"), socket] {
        match fs::remove_file(&left) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(EmbeddedError::File { path: left, error });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether process `number` is a PostgreSQL at work in `data`: we name the folder when we start one.
async fn is_ours(number: &str, data: &Path) -> bool {
    let data = data.as_os_str().as_bytes();
    if let Ok(arguments) = fs::read(Path::new("/proc").join(number).join("cmdline")) {
        return arguments.split(|byte| *byte == 0).any(|argument| argument == data);
    }
    // Where there is no /proc. If there is, there is no such process, and this finds none either.
    let listed = Command::new("ps").args(["-ww", "-o", "args=", "-p", number]).output().await;
    listed.is_ok_and(|listed| listed.stdout.windows(data.len()).any(|part| part == data))
}

async fn until_ready(lines: &mut Split<BufReader<ChildStderr>>) -> Result<(), EmbeddedError> {
    let mut said = Vec::new();
    while let Some(line) = lines.next_segment().await.map_err(|error| failed(&error))? {
        let line = String::from_utf8_lossy(&line).into_owned();
        tracing::debug!(target: "postgres", "{line}");
        if line.contains(READY) {
            return Ok(());
        }
        said.push(line);
    }
    Err(failed(&said.join("; ")))
}

async fn log(mut lines: Split<BufReader<ChildStderr>>) {
    while let Ok(Some(line)) = lines.next_segment().await {
        tracing::debug!(target: "postgres", "{}", String::from_utf8_lossy(&line));
    }
}

fn failed(output: &dyn fmt::Display) -> EmbeddedError {
    EmbeddedError::Program { program: "postgres".to_owned(), output: output.to_string() }
}
