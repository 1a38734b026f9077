//! The folder that holds the data, and the folder of the socket.

use std::{
    collections::hash_map::DefaultHasher,
    fs,
    hash::{Hash, Hasher},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, symlink},
    path::{Path, PathBuf},
};

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::{
    EmbeddedError,
    binaries::{Binaries, Version},
    identity::{Identity, User},
};

/// The name of the superuser, which is the only user.
const USER: &str = "heartbeat";

/// The database in which Heartbeat's schema stands: the one that every cluster has from the start.
const DATABASE: &str = "postgres";

/// The longest path of a Unix socket, in bytes: `sun_path` has 108 on Linux and 104 elsewhere, one
/// of them for the final NUL (unix(7)).
const SOCKET_PATH_MAX_BYTES: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// What PostgreSQL calls its socket.
pub(super) const SOCKET_NAME: &str = ".s.PGSQL.5432";

/// Where the data goes when the user that runs the database cannot enter the home folder.
const SHARED_FOLDER: &str = "/var/lib/heartbeat";

/// A folder with a database in it that can be started.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) identity: Identity,
    pub(super) version: Version,
    pub(super) data: PathBuf,
    pub(super) sockets: PathBuf,
}

impl Cluster {
    /// Opens the cluster of `home`, which is set up first if there is none.
    pub(super) async fn open(
        home: &Path,
        identity: Identity,
        binaries: Binaries,
    ) -> Result<Self, EmbeddedError> {
        let data = place(home, &identity)?;
        let version = match fs::read_to_string(data.join("PG_VERSION")) {
            Ok(major) => binaries.with_major(major.trim().parse().unwrap_or_default(), &data)?.clone(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let version = binaries.newest().clone();
                initialise(&data, &identity, &version).await?;
                let link = home.join("postgres");
                if data != link {
                    symlink(&data, &link).map_err(EmbeddedError::file(&link))?;
                }
                version
            }
            Err(error) => return Err(EmbeddedError::File { path: data, error }),
        };
        let sockets = socket_folder(&data, &identity)?;
        Ok(Self { identity, version, data, sockets })
    }

    /// How to connect to this cluster.
    pub(super) fn connect_options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.sockets)
            .port(5432)
            .username(USER)
            .database(DATABASE)
            // Whatever PGSSLMODE says: there is no TLS on a Unix socket.
            .ssl_mode(PgSslMode::Disable)
    }
}

/// Who owns the data of `home`, and where it is, if there is some.
pub(super) fn owner(home: &Path) -> Result<Option<(PathBuf, User)>, EmbeddedError> {
    let data = home.join("postgres");
    match fs::metadata(&data) {
        Ok(metadata) => Ok(Some((data, User { uid: metadata.uid(), gid: metadata.gid() }))),
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(EmbeddedError::File { path: data, error })
        }
        Err(_) if data.is_symlink() => Err(EmbeddedError::DataGone(data)),
        Err(_) => Ok(None),
    }
}

/// Where the data of `home` is or will be: in it, or, where the database's user cannot enter the
/// folders above it, in a shared place to which a link in `home` leads.
fn place(home: &Path, identity: &Identity) -> Result<PathBuf, EmbeddedError> {
    let link = home.join("postgres");
    if link.is_dir() {
        return fs::canonicalize(&link).map_err(EmbeddedError::file(&link));
    }
    if home.parent().is_none_or(|parent| identity.can_enter(parent)) {
        identity.let_in(home)?;
        return Ok(link);
    }
    let shared = Path::new(SHARED_FOLDER);
    fs::DirBuilder::new().recursive(true).mode(0o755).create(shared).map_err(EmbeddedError::file(shared))?;
    Ok(shared.join(short_name(home)))
}

/// Sets up a cluster at `data`: beside it first, so that what was interrupted is not taken for whole.
async fn initialise(data: &Path, identity: &Identity, version: &Version) -> Result<(), EmbeddedError> {
    tracing::info!("setting up PostgreSQL {} in {}", version.major, data.display());
    let unfinished = data.with_extension("unfinished");
    match fs::remove_dir_all(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(EmbeddedError::File { path: unfinished, error });
        }
        _ => {}
    }
    fs::DirBuilder::new().mode(0o700).create(&unfinished).map_err(EmbeddedError::file(&unfinished))?;
    identity.own(&unfinished)?;
    let mut initdb = identity.command(version.program("initdb"));
    // Whoever can enter the folder of the socket, which only its owner can, is let in.
    initdb.args(["--username", USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions"]);
    initdb.arg("--pgdata").arg(&unfinished);
    let failed = |output: String| EmbeddedError::Program { program: "initdb".to_owned(), output };
    let output = initdb.output().await.map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")));
    }
    fs::rename(&unfinished, data).map_err(EmbeddedError::file(data))
}

/// Where the socket goes: into the data folder, or, where its path would be too long, into a short
/// folder for temporary files that belongs to the database's user alone.
fn socket_folder(data: &Path, identity: &Identity) -> Result<PathBuf, EmbeddedError> {
    if data.join(SOCKET_NAME).as_os_str().len() <= SOCKET_PATH_MAX_BYTES {
        return Ok(data.to_owned());
    }
    let folder = Path::new("/tmp").join(format!("heartbeat-{}", short_name(data)));
    match fs::DirBuilder::new().mode(0o700).create(&folder) {
        Ok(()) => identity.own(&folder)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(EmbeddedError::File { path: folder, error }),
    }
    // Everybody can write to /tmp: the folder must be one that we made, and nobody else's.
    let metadata = fs::symlink_metadata(&folder).map_err(EmbeddedError::file(&folder))?;
    let owner = match identity {
        Identity::User(user) => user.uid,
        Identity::Ourselves | Identity::Namespace => rustix::process::geteuid().as_raw(),
    };
    if !metadata.is_dir() || metadata.uid() != owner || metadata.mode() & 0o077 != 0 {
        let error = io::Error::other("exists, but is not a folder of ours alone; remove it");
        return Err(EmbeddedError::File { path: folder, error });
    }
    Ok(folder)
}

/// A short name that stands for a path.
fn short_name(path: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
