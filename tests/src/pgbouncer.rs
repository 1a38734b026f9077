//! PgBouncer in transaction mode before the server that tests share, or before a [`Cluster`](crate::Cluster).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{net::UnixStream, process::Child};

use crate::{Database, ReservedPort, cluster::unprivileged_command, eventually};

/// Running PgBouncer with default settings but for its mode and the size of its pools; killed when dropped.
#[derive(Debug)]
pub struct PgBouncer {
    port: ReservedPort,
    folder: PathBuf,
    _process: Child,
}

impl PgBouncer {
    /// Path of the program, if it is installed.
    fn program() -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
        folders.map(|folder| folder.join("pgbouncer")).find(|program| program.is_file())
    }

    /// Starts it before the server that has `database`, with `sessions` sessions for each database. `None` where it is not
    /// installed, which on CI is a failure.
    pub async fn start(database: &Database, sessions: usize) -> Option<Self> {
        let Some(program) = Self::program() else {
            assert!(std::env::var_os("CI").is_none(), "infra/scripts/install-pgbouncer was not run");
            crate::skipped("PgBouncer is not installed: run infra/scripts/install-pgbouncer");
            return None;
        };
        let port = ReservedPort::new();
        let server = database.server_socket().parent().expect("a folder").to_owned();
        let folder = server.join(format!("pgbouncer_{}", port.number()));
        fs::create_dir_all(&folder).expect("a folder");
        let configuration = write_configuration(&folder, &server, port.number(), sessions);
        let mut command = unprivileged_command(&program.display().to_string());
        command.arg(configuration).kill_on_drop(true);
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let bouncer = Self { port, folder, _process: process.expect("PgBouncer") };
        eventually("PgBouncer", async || UnixStream::connect(bouncer.socket()).await.is_ok()).await;
        Some(bouncer)
    }

    /// Unix socket on which it listens.
    pub fn socket(&self) -> PathBuf {
        self.folder.join(format!(".s.PGSQL.{}", self.port.number()))
    }

    /// URL of a database through it.
    pub fn url(&self, database: &Database) -> String {
        format!("postgresql://heartbeat@127.0.0.1:{}/{}", self.port.number(), database.name())
    }
}

/// Writes its configuration; returns the path.
fn write_configuration(folder: &Path, server: &Path, port: u16, sessions: usize) -> PathBuf {
    let (users, configuration) = (folder.join("users.txt"), folder.join("pgbouncer.ini"));
    fs::write(&users, "\"heartbeat\" \"\"\n").expect("a file");
    let text = format!(
        "[databases]\n* = host={server}\n\
         [pgbouncer]\n\
         listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir = {folder}\n\
         auth_type = trust\nauth_file = {users}\n\
         pool_mode = transaction\ndefault_pool_size = {sessions}\nmax_client_conn = 1000\n",
        server = server.display(),
        folder = folder.display(),
        users = users.display(),
    );
    fs::write(&configuration, text).expect("a file");
    configuration
}
