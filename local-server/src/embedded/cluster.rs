//! The data folder of the database, and the folder of its socket.

use std::{
    collections::hash_map::DefaultHasher,
    fs::{self, File},
    hash::{Hash, Hasher},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, symlink},
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::process::Command;

use super::{
    EmbeddedError,
    binaries::{Binaries, Version},
    data_lock, flush,
    identity::{Identity, User},
};

/// Name of the superuser, which is the only user.
const USER: &str = "heartbeat";

/// Database that holds Heartbeat's schema: the one that every cluster has from the start.
const DATABASE: &str = "postgres";

/// Maximum length of a Unix socket's path: `sun_path` has 108 on Linux and 104 elsewhere, one
/// of them for the final NUL (unix(7)).
const SOCKET_PATH_MAX_BYTES: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// Timeout of a set-up that a killed Heartbeat left at work: it ends with its present step.
const SETUP_TIMEOUT: Duration = Duration::from_secs(30);

/// File name of PostgreSQL's socket.
pub(super) const SOCKET_NAME: &str = ".s.PGSQL.5432";

/// Folder of the data if the database's user cannot enter the home folder.
const SHARED_FOLDER: &str = "/var/lib/heartbeat";

/// An initialized cluster, ready to be started.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) identity: Identity,
    pub(super) version: Version,
    pub(super) data: PathBuf,
    pub(super) sockets: PathBuf,
}

impl Cluster {
    /// Opens the cluster of `home`, which is initialized first if there is none.
    pub(super) async fn open(
        home: &Path,
        identity: Identity,
        binaries: Binaries,
    ) -> Result<Self, EmbeddedError> {
        let data = data_folder(home, &identity)?;
        let version = match fs::read_to_string(data.join("PG_VERSION")) {
            Ok(major) => binaries.with_major(major.trim().parse().unwrap_or_default(), &data)?.clone(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let version = binaries.newest().clone();
                initialize(&data, &identity, &version).await?;
                let link = home.join("postgres");
                if data != link {
                    symlink(&data, &link).map_err(EmbeddedError::file(&link))?;
                    flush::entries(home)?;
                }
                version
            }
            Err(error) => return Err(EmbeddedError::File { path: data, error }),
        };
        let sockets = socket_folder(&data, &identity)?;
        Ok(Self { identity, version, data, sockets })
    }

    /// Returns the options to connect to this cluster with.
    pub(super) fn connect_options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.sockets)
            .port(5432)
            .username(USER)
            .database(DATABASE)
            // Overrides PGSSLMODE: there is no TLS on a Unix socket.
            .ssl_mode(PgSslMode::Disable)
    }
}

/// Returns the path and the owner of the data of `home`, if there is any.
pub(super) fn owner(home: &Path) -> Result<Option<(PathBuf, User)>, EmbeddedError> {
    let data = home.join("postgres");
    match fs::metadata(&data) {
        Ok(metadata) => Ok(Some((data, User { uid: metadata.uid(), gid: metadata.gid() }))),
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(EmbeddedError::File { path: data, error })
        }
        Err(_) if data.is_symlink() => Err(EmbeddedError::DataMissing(data)),
        Err(_) => Ok(None),
    }
}

/// Returns the folder of the data of `home`, present or future: in `home`, or, if the database's user cannot enter
/// the folders above it, in [`SHARED_FOLDER`], to which a link in `home` leads.
fn data_folder(home: &Path, identity: &Identity) -> Result<PathBuf, EmbeddedError> {
    let link = home.join("postgres");
    if link.is_dir() {
        let data = fs::canonicalize(&link).map_err(EmbeddedError::file(&link))?;
        let is_reachable = data.parent().is_none_or(|parent| identity.can_enter(parent));
        return if is_reachable { Ok(data) } else { Err(EmbeddedError::DataOutOfReach(data)) };
    }
    if home.parent().is_none_or(|parent| identity.can_enter(parent)) {
        identity.grant_entry(home)?;
        return Ok(link);
    }
    let shared = Path::new(SHARED_FOLDER);
    fs::DirBuilder::new().recursive(true).mode(0o755).create(shared).map_err(EmbeddedError::file(shared))?;
    Ok(shared.join(short_name(home)))
}

/// Initializes a cluster at `data`. It is built beside its final path, flushed, and then renamed, so that an
/// interrupted attempt, be it by a power cut, is not taken for a complete cluster.
async fn initialize(data: &Path, identity: &Identity, version: &Version) -> Result<(), EmbeddedError> {
    tracing::info!(version = version.major, folder = %data.display(), "setting up PostgreSQL");
    let lock = data_lock::lock(data, SETUP_TIMEOUT).await?;
    let unfinished = data.with_extension("unfinished");
    match fs::remove_dir_all(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(EmbeddedError::File { path: unfinished, error });
        }
        _ => {}
    }
    fs::DirBuilder::new().mode(0o700).create(&unfinished).map_err(EmbeddedError::file(&unfinished))?;
    identity.chown(&unfinished)?;
    let mut initdb = identity.command(version.program("initdb"));
    // No password: only the owner can enter the folder of the socket.
    initdb.args(["--username", USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions"]);
    // It would flush its files one after the other.
    initdb.arg("--no-sync").arg("--pgdata").arg(&unfinished);
    let failed = |output: String| EmbeddedError::Program { program: "initdb".to_owned(), output };
    let output = output_of(initdb, &lock).await.map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")));
    }
    flush::folder(&unfinished).await?;
    fs::rename(&unfinished, data).map_err(EmbeddedError::file(data))?;
    data.parent().map_or(Ok(()), flush::entries)
}

/// Runs a program to its end. It and its children hold `lock` when this process is killed meanwhile, until they end too:
/// at the next line that the program prints, for lack of a reader.
async fn output_of(mut program: Command, lock: &File) -> io::Result<Output> {
    // Unlike the file itself, a duplicate is inherited, by programs that are started while it is open.
    let inherited = rustix::io::dup(lock)?;
    let process = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    drop(inherited);
    process?.wait_with_output().await
}

/// Returns the folder of the socket: the data folder, or, if the socket's path would be too long, a folder in /tmp
/// that belongs to the database's user alone.
fn socket_folder(data: &Path, identity: &Identity) -> Result<PathBuf, EmbeddedError> {
    if data.join(SOCKET_NAME).as_os_str().len() <= SOCKET_PATH_MAX_BYTES {
        return Ok(data.to_owned());
    }
    let folder = Path::new("/tmp").join(format!("heartbeat-{}", short_name(data)));
    match fs::DirBuilder::new().mode(0o700).create(&folder) {
        Ok(()) => identity.chown(&folder)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(EmbeddedError::File { path: folder, error }),
    }
    // Every user can write to /tmp, so a folder of this name may be another user's.
    let metadata = fs::symlink_metadata(&folder).map_err(EmbeddedError::file(&folder))?;
    let owner = match identity {
        Identity::User(user) => user.uid,
        Identity::CurrentUser | Identity::Namespace => rustix::process::geteuid().as_raw(),
    };
    if !metadata.is_dir() || metadata.uid() != owner || metadata.mode() & 0o077 != 0 {
        let error = io::Error::other("exists, but is not a folder of ours alone; remove it");
        return Err(EmbeddedError::File { path: folder, error });
    }
    Ok(folder)
}

/// Returns a short name for a path: its hash.
fn short_name(path: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
