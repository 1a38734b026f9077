//! The private PostgreSQL of `database.dsn = "embedded"`: found on the machine, initialized on
//! first use, started and stopped with the server, reachable through a Unix socket only.
//!
//! - [`binaries`]: finds the newest PostgreSQL on the machine.
//! - [`identity`]: the user that the database runs as, since PostgreSQL refuses to run as root.
//! - [`cluster`]: the data folder, and the socket's folder.
//! - [`data_lock`]: the lock on the data.
//! - [`flush`]: flushes the files of a new cluster to the disk.
//! - [`postmaster`]: the running database.

mod binaries;
mod cluster;
mod data_lock;
mod flush;
mod identity;
mod postmaster;

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    pin::pin,
    time::Duration,
};

use sqlx::postgres::PgConnectOptions;
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, sleep, timeout_at},
};

use binaries::Binaries;
use cluster::Cluster;
use identity::Identity;
use postmaster::Postmaster;

/// Shortest backoff between attempts to restart the database after a crash. The processes that it left must end
/// first, and nothing tells when they have.
const RESTART_BACKOFF_MIN: Duration = Duration::from_millis(100);
/// Longest backoff between attempts to restart the database after a crash.
const RESTART_BACKOFF_MAX: Duration = Duration::from_secs(5);

/// Home folder of the service of systemd (`heartbeat.service`).
#[cfg(feature = "migrate")]
const SYSTEM_HOME: &str = "/var/lib/heartbeat";

/// An error of the embedded database.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EmbeddedError {
    #[error(
        "another Heartbeat uses {}; stop it, or set HEARTBEAT_HOME to another folder", .0.display()
    )]
    InUse(PathBuf),
    #[error("{0}")]
    NoBinaries(String),
    #[error(
        "the data in {} was made by PostgreSQL {needed}, and only other versions were found: {found}; \
         install PostgreSQL {needed}", folder.display()
    )]
    OtherVersion { folder: PathBuf, needed: u32, found: String },
    #[error(
        "PostgreSQL refuses to run as root, and there is neither a user namespace (unshare -U) nor a user \
         heartbeat or postgres; run Heartbeat as another user, or make one: useradd --system heartbeat"
    )]
    NoUnprivilegedUser,
    #[error(
        "the data in {} belongs to root, who may not run PostgreSQL without a user namespace, which is \
         refused here; allow `unshare --user`, or run Heartbeat as another user", .0.display()
    )]
    DataOwnedByRoot(PathBuf),
    #[error(
        "{} leads to data that is gone; bring it back, or remove the link to start without it", .0.display()
    )]
    DataMissing(PathBuf),
    #[error(
        "the owner of the data in {} cannot enter the folders above it; run this as that user", .0.display()
    )]
    DataOutOfReach(PathBuf),
    #[error(
        "a PostgreSQL that cannot be seen from here, as in another container, runs on the data in {}; stop it, or \
         set HEARTBEAT_HOME to another folder", .0.display()
    )]
    RunsElsewhere(PathBuf),
    #[cfg(feature = "migrate")]
    #[error(
        "there is no database in {}; set HEARTBEAT_HOME to the folder of the server whose database is meant (of the \
         service of systemd: {SYSTEM_HOME})", .0.display()
    )]
    NoData(PathBuf),
    #[cfg(feature = "migrate")]
    #[error(
        "there is a database in {} and one in {}; set HEARTBEAT_HOME to the folder of the one that is meant",
        home.display(), other.display()
    )]
    Ambiguous { home: PathBuf, other: PathBuf },
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("{program} failed: {output}")]
    Program { program: String, output: String },
}

impl EmbeddedError {
    fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::File { path: path.to_owned(), error }
    }
}

/// Fails unless `home` holds the data of a database. For commands that work on what a server has recorded, started as
/// root perhaps and so with another home than the server has: they would report success on a new, empty database.
/// `is_named` says whether `HEARTBEAT_HOME` names the folder.
#[cfg(feature = "migrate")]
pub(crate) fn require_data(home: &Path, is_named: bool) -> Result<(), EmbeddedError> {
    require_data_beside(home, is_named, Path::new(SYSTEM_HOME))
}

#[cfg(feature = "migrate")]
fn require_data_beside(home: &Path, is_named: bool, system_home: &Path) -> Result<(), EmbeddedError> {
    if cluster::owner(home)?.is_none() {
        return Err(EmbeddedError::NoData(home.to_owned()));
    }
    if !is_named && home != system_home && system_home.join("postgres").exists() {
        return Err(EmbeddedError::Ambiguous { home: home.to_owned(), other: system_home.to_owned() });
    }
    Ok(())
}

/// A running private PostgreSQL.
#[derive(Debug)]
pub(crate) struct Embedded {
    options: PgConnectOptions,
    stop: oneshot::Sender<Instant>,
    supervisor: JoinHandle<()>,
    /// The lock on the home folder, held while the database runs: two servers must not share one folder.
    _lock: File,
}

impl Embedded {
    /// Starts the database of the folder `home`, which is initialized first if there is none.
    pub(crate) async fn start(home: &Path) -> Result<Self, EmbeddedError> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(home).map_err(EmbeddedError::file(home))?;
        // The canonical path, since a running database is recognized by it.
        let home = &fs::canonicalize(home).map_err(EmbeddedError::file(home))?;
        let lock = lock(home)?;
        // Both run programs, which takes longer than everything else on a start with existing data.
        let (identity, binaries) = tokio::join!(Identity::choose(cluster::owner(home)?), Binaries::find());
        let cluster = Cluster::open(home, identity?, binaries?).await?;
        let postmaster = Postmaster::start(&cluster).await?;
        let options = cluster.connect_options();
        let (stop, stopped) = oneshot::channel();
        let supervisor = tokio::spawn(supervise(cluster, postmaster, stopped));
        Ok(Self { options, stop, supervisor, _lock: lock })
    }

    /// Returns the options to connect with.
    pub(crate) fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// Waits until the supervisor has ended, as it does only if it panics.
    pub(crate) async fn ended(&mut self) {
        // The error tells of the panic, which was logged.
        let _ = (&mut self.supervisor).await;
    }

    /// Shuts the database down and waits until it has ended. After `deadline` the shutdown is forced.
    pub(crate) async fn stop(self, deadline: Instant) {
        // An error means that the supervisor has ended, and the database with it.
        let _ = self.stop.send(deadline);
        if !self.supervisor.is_finished() {
            let _ = self.supervisor.await;
        }
    }
}

/// Restarts the database whenever it crashes, until told to stop.
async fn supervise(cluster: Cluster, mut postmaster: Postmaster, mut stop: oneshot::Receiver<Instant>) {
    loop {
        tokio::select! {
            () = postmaster.ended() => {
                tracing::error!("the embedded PostgreSQL ended unexpectedly, and is started again");
            }
            deadline = &mut stop => return postmaster.stop(deadline.unwrap_or_else(|_| Instant::now())).await,
        }
        let mut restarting = pin!(restart(&cluster));
        tokio::select! {
            restarted = &mut restarting => postmaster = restarted,
            deadline = &mut stop => {
                // A database that is still starting is stopped too.
                let deadline = deadline.unwrap_or_else(|_| Instant::now());
                if let Ok(restarted) = timeout_at(deadline, restarting).await {
                    restarted.stop(deadline).await;
                }
                return;
            }
        }
    }
}

async fn restart(cluster: &Cluster) -> Postmaster {
    let mut backoff = RESTART_BACKOFF_MIN;
    loop {
        match Postmaster::start(cluster).await {
            Ok(postmaster) => return postmaster,
            Err(error) => tracing::warn!(%error, "embedded PostgreSQL"),
        }
        sleep(backoff).await;
        backoff = (backoff * 2).min(RESTART_BACKOFF_MAX);
    }
}

/// Locks `home` for this process. The system releases the lock when the process ends, even if it is killed.
fn lock(home: &Path) -> Result<File, EmbeddedError> {
    let path = home.join("postgres.lock");
    let file = File::create(&path).map_err(EmbeddedError::file(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(EmbeddedError::InUse(home.to_owned())),
        Err(TryLockError::Error(error)) => Err(EmbeddedError::File { path, error }),
    }
}

#[cfg(all(test, feature = "migrate"))]
mod tests {
    use super::*;

    #[test]
    fn commands_work_on_a_default_home_only_where_the_service_has_no_data() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (home, system_home) = (folder.path().join("home"), folder.path().join("system"));
        fs::create_dir_all(home.join("postgres")).expect("data");
        assert!(require_data_beside(&home, false, &system_home).is_ok());
        fs::create_dir_all(system_home.join("postgres")).expect("data");
        assert!(require_data_beside(&home, true, &system_home).is_ok());
        assert!(require_data_beside(&system_home, false, &system_home).is_ok());
        let ambiguous = require_data_beside(&home, false, &system_home).expect_err("two databases");
        assert!(ambiguous.to_string().contains("set HEARTBEAT_HOME"), "{ambiguous}");
    }
}
