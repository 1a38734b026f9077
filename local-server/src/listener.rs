//! Listening sockets: a TCP port or a Unix socket.

use std::{
    fs, io,
    net::SocketAddr,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    time::Duration,
};

use heartbeat_core::config::Bind;
use heartbeat_functions::http::client_ip::Peer;
#[cfg(target_os = "linux")]
use rustix::net::sockopt::set_tcp_user_timeout;
use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixSocket, UnixStream};

/// Idle time of a connection before the first keep-alive probe.
const KEEP_ALIVE_DELAY: Duration = Duration::from_secs(15);

/// Interval of keep-alive probes, and how many remain without an answer before the system gives the connection up.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(3);
const KEEP_ALIVE_PROBES: u32 = 5;

/// Timeout of data that the other end does not acknowledge. TCP itself goes on for a quarter of an hour. It overrides the number
/// of probes above, so it is as long as all of them take: were it shorter, one lost packet would end a connection, and
/// of the probes to thousands of viewers at the same moment some are always lost.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED_TIMEOUT: Duration = Duration::from_secs(30);

/// Connections to a Unix socket that may wait to be accepted; as many as to a TCP port.
const UNIX_BACKLOG: u32 = 1024;

/// An error that keeps the server from listening.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    #[error(
        "bind {host}:{port}: {error}; set bind to a host of this machine and a port that nothing else uses"
    )]
    Tcp { host: String, port: u16, error: io::Error },
    #[error("bind unix:{}: {error}; set bind to a path that can be written to", path.display())]
    Unix { path: PathBuf, error: io::Error },
    #[error("bind unix:{}: another server answers there; stop it, or set bind to another path", .0.display())]
    InUse(PathBuf),
    #[error("bind unix:{}: there is a file, and it is not a socket; set bind to another path", .0.display())]
    NotASocket(PathBuf),
    #[error("bind_group: there is no group {0:?} in /etc/group; set it to one that is, or to a number")]
    NoGroup(String),
    #[error(
        "bind_group {group:?}: {error}; make the user of Heartbeat a member of that group, or leave it empty"
    )]
    Group { group: String, error: io::Error },
}

/// Who may connect to a Unix socket.
#[derive(Debug)]
pub(crate) struct UnixAccess<'a> {
    /// Mode of its file.
    pub(crate) mode: u32,
    /// Name or number of its group, if it is not that of this process.
    pub(crate) group: Option<&'a str>,
}

impl UnixAccess<'static> {
    /// The user of this process alone.
    pub(crate) const OWNER: Self = Self { mode: 0o600, group: None };
}

/// A listening socket.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// An accepted connection.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

impl Socket {
    /// Returns the other end.
    pub(crate) fn peer(&self) -> Peer {
        match self {
            Self::Tcp(_, address) => Peer::Ip(address.ip()),
            Self::Unix(_) => Peer::Local,
        }
    }
}

impl Listener {
    /// Starts to listen; on a Unix socket with `access`.
    pub(crate) async fn bind(bind: &Bind, access: UnixAccess<'_>) -> Result<Self, ListenError> {
        match bind {
            Bind::Tcp { host, port } => bind_tcp(host, *port)
                .await
                .map(Self::Tcp)
                .map_err(|error| ListenError::Tcp { host: host.clone(), port: *port, error }),
            Bind::Unix(path) => bind_unix(path, access).await,
        }
    }

    /// Accepts the next connection.
    pub(crate) async fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Disables Nagle's algorithm: responses are written whole, and holding back their last segment
                // only adds latency.
                stream.set_nodelay(true)?;
                Ok(Socket::Tcp(stream, address))
            }
            Self::Unix(listener, _) => listener.accept().await.map(|(stream, _)| Socket::Unix(stream)),
        }
    }

    /// Logs the URL and the port, or the path, with `message`.
    pub(crate) fn log_endpoint(&self, message: &'static str) {
        match self {
            Self::Tcp(listener) => {
                let address = listener.local_addr().unwrap_or_else(|_| SocketAddr::from(([0; 4], 0)));
                let url = local_url(address).map(tracing::field::display);
                tracing::info!(url, port = address.port(), "{message}");
            }
            Self::Unix(_, file) => tracing::info!(socket = %file.path.display(), "{message}"),
        }
    }
}

/// Returns the URL for a browser on this machine, if the machine's own name leads to `address`. No log line holds an
/// IP address.
fn local_url(address: SocketAddr) -> Option<String> {
    let is_local = address.ip().is_loopback() || address.ip().is_unspecified();
    is_local.then(|| format!("http://localhost:{}", address.port()))
}

/// Listens on a port. The connections that it accepts inherit its keep-alive: set once, it costs nothing for each
/// connection.
async fn bind_tcp(host: &str, port: u16) -> io::Result<TcpListener> {
    let listener = TcpListener::bind((host, port)).await?;
    // Some sandboxes lack these options. The server works without them, and keeps dead connections for longer.
    if let Err(error) = set_keep_alive(&listener) {
        tracing::warn!(%error, "cannot set TCP keep-alive; dead connections will be kept for minutes");
    }
    Ok(listener)
}

/// Makes the system give up connections whose other end is gone, within thirty seconds.
fn set_keep_alive(listener: &TcpListener) -> io::Result<()> {
    set_tcp_keepidle(listener, KEEP_ALIVE_DELAY)?;
    set_tcp_keepintvl(listener, KEEP_ALIVE_INTERVAL)?;
    set_tcp_keepcnt(listener, KEEP_ALIVE_PROBES)?;
    set_socket_keepalive(listener, true)?;
    #[cfg(target_os = "linux")]
    set_tcp_user_timeout(listener, u32::try_from(UNACKNOWLEDGED_TIMEOUT.as_millis()).unwrap_or(u32::MAX))?;
    Ok(())
}

async fn bind_unix(path: &Path, access: UnixAccess<'_>) -> Result<Listener, ListenError> {
    let failed = |error| ListenError::Unix { path: path.to_owned(), error };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
        Ok(found) if !found.file_type().is_socket() => return Err(ListenError::NotASocket(path.to_owned())),
        // A killed server leaves its socket file behind, and connections to it are refused.
        Ok(_) => match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                fs::remove_file(path).map_err(failed)?;
            }
            _ => return Err(ListenError::InUse(path.to_owned())),
        },
    }
    let group = access.group.map(group_id).transpose()?;
    let socket = UnixSocket::new_stream().map_err(failed)?;
    socket.bind(path).map_err(failed)?;
    let file = SocketFile::new(path).map_err(failed)?;
    // No client can connect before it listens, so none ever does by the permissions that it was made with.
    if let Some((group, id)) = access.group.zip(group) {
        chown(path, None, Some(id)).map_err(|error| ListenError::Group { group: group.to_owned(), error })?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(access.mode)).map_err(failed)?;
    let listener = socket.listen(UNIX_BACKLOG).map_err(failed)?;
    Ok(Listener::Unix(listener, file))
}

/// Returns the number of a group, which `group` names or is.
fn group_id(group: &str) -> Result<u32, ListenError> {
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    group
        .parse()
        .ok()
        .or_else(|| find_group(&groups, group))
        .ok_or_else(|| ListenError::NoGroup(group.to_owned()))
}

/// Finds a group in the text of `/etc/group` (group(5)).
fn find_group(groups: &str, name: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        fields.nth(1)?.parse().ok()
    })
}

/// The file of a Unix socket, removed on drop.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    file_id: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), file_id: file_id(path)? })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another server may have replaced the file since.
        if file_id(&self.path).is_ok_and(|file_id| file_id == self.file_id) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Returns device and inode, which identify a file.
fn file_id(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    use rustix::net::sockopt::tcp_user_timeout;
    use rustix::net::sockopt::{socket_keepalive, tcp_keepcnt, tcp_keepidle, tcp_keepintvl};

    use super::*;

    #[tokio::test]
    async fn the_system_gives_up_connections_whose_other_end_is_gone_within_thirty_seconds() {
        let listener = bind_tcp("127.0.0.1", 0).await.expect("a port");
        let _client =
            TcpStream::connect(listener.local_addr().expect("an address")).await.expect("a connection");
        let (accepted, _) = listener.accept().await.expect("a connection");
        assert_eq!(socket_keepalive(&accepted), Ok(true));
        let (delay, interval) =
            (tcp_keepidle(&accepted).expect("a delay"), tcp_keepintvl(&accepted).expect("an interval"));
        assert_eq!(delay + interval * tcp_keepcnt(&accepted).expect("a number"), Duration::from_secs(30));
        #[cfg(target_os = "linux")]
        assert_eq!(tcp_user_timeout(&accepted), Ok(30_000), "no earlier than after the last probe");
    }

    #[test]
    fn groups_are_found_by_their_whole_name() {
        let groups = "root:x:0:\nwww-data2:x:7:\nwww-data:x:33:ada,grace\n";
        assert_eq!(find_group(groups, "www-data"), Some(33));
        assert_eq!(find_group(groups, "www"), None);
    }
}
