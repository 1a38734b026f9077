//! The running database.

use std::{fmt, fs, io, path::Path, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStderr},
    time::timeout,
};

use super::{EmbeddedError, cluster::Cluster};

/// What PostgreSQL logs, in every version, when it can be used.
const READY: &str = "database system is ready to accept connections";

/// How long the database may take to close its connections and write a checkpoint before it is
/// told to leave that to the next start.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// The main process of the database, as a child of ours.
#[derive(Debug)]
pub(super) struct Postmaster(Child);

impl Postmaster {
    /// Starts the database and waits until it can be used.
    pub(super) async fn start(cluster: &Cluster) -> Result<Self, EmbeddedError> {
        clear_the_way(cluster).await?;
        let mut command = cluster.identity.command(cluster.version.program("postgres"));
        command.arg("-D").arg(&cluster.data);
        command.arg("-c").arg(format!("unix_socket_directories={}", cluster.sockets.display()));
        // What the cluster's own file may say otherwise, but must not.
        for setting in ["listen_addresses=", "port=5432", "logging_collector=off", "log_destination=stderr"] {
            command.arg("-c").arg(setting);
        }
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| failed(&error))?;
        let stderr = child.stderr.take().ok_or_else(|| failed(&"no output"))?;
        let mut lines = BufReader::new(stderr).lines();
        until_ready(&mut lines).await?;
        tokio::spawn(log(lines));
        Ok(Self(child))
    }

    /// Waits until the database has ended.
    pub(super) async fn ended(&mut self) {
        if let Err(error) = self.0.wait().await {
            tracing::error!("cannot wait for the embedded PostgreSQL: {error}");
        }
    }

    /// Shuts the database down: cleanly, or, if that takes too long, at once.
    pub(super) async fn stop(mut self) {
        // "Fast" and "immediate" shutdown (PostgreSQL's manual, section 19.5).
        for signal in [Signal::INT, Signal::QUIT] {
            let Some(pid) = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed())) else { return };
            // An error says that it has just ended by itself.
            let _ = kill_process(pid, signal);
            if timeout(STOP_LIMIT, self.ended()).await.is_ok() {
                return;
            }
        }
    }
}

/// Ends what a Heartbeat that was killed has left behind: its database, which runs on without it, or
/// the note of one whose number another process has now.
async fn clear_the_way(cluster: &Cluster) -> Result<(), EmbeddedError> {
    let note = cluster.data.join("postmaster.pid");
    let text = match fs::read_to_string(&note) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(EmbeddedError::File { path: note, error }),
    };
    let number = text.lines().next().unwrap_or_default();
    if is_ours(number, &cluster.data) {
        tracing::info!("stopping the PostgreSQL that an earlier Heartbeat left running");
        let mut pg_ctl = cluster.identity.command(cluster.version.program("pg_ctl"));
        pg_ctl.arg("stop").arg("-D").arg(&cluster.data).args(["-m", "fast", "-w"]);
        let output = pg_ctl.output().await.map_err(|error| failed(&error))?;
        if !output.status.success() {
            return Err(failed(&String::from_utf8_lossy(&output.stderr).trim()));
        }
    } else if Path::new("/proc/self").exists() {
        match fs::remove_file(&note) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(EmbeddedError::File { path: note, error });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether process `number` is a postmaster at work in `data`, its working directory.
fn is_ours(number: &str, data: &Path) -> bool {
    let process = Path::new("/proc").join(number).join("cwd");
    match (fs::read_link(process), fs::canonicalize(data)) {
        (Ok(cwd), Ok(data)) => cwd == data,
        _ => false,
    }
}

async fn until_ready(lines: &mut Lines<BufReader<ChildStderr>>) -> Result<(), EmbeddedError> {
    let mut said = Vec::new();
    while let Some(line) = lines.next_line().await.map_err(|error| failed(&error))? {
        tracing::debug!(target: "postgres", "{line}");
        if line.contains(READY) {
            return Ok(());
        }
        said.push(line);
    }
    Err(failed(&said.join("; ")))
}

async fn log(mut lines: Lines<BufReader<ChildStderr>>) {
    while let Ok(Some(line)) = lines.next_line().await {
        tracing::debug!(target: "postgres", "{line}");
    }
}

fn failed(output: &dyn fmt::Display) -> EmbeddedError {
    EmbeddedError::Program { program: "postgres".to_owned(), output: output.to_string() }
}
