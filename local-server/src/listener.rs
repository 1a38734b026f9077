//! Listening sockets: a TCP port or a Unix socket.

use std::{
    fs, io,
    net::SocketAddr,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

use heartbeat_core::config::Bind;
use heartbeat_functions::http::client_ip::Peer;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

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
    /// Starts to listen.
    pub(crate) async fn bind(bind: &Bind) -> Result<Self, ListenError> {
        match bind {
            Bind::Tcp { host, port } => TcpListener::bind((host.as_str(), *port))
                .await
                .map(Self::Tcp)
                .map_err(|error| ListenError::Tcp { host: host.clone(), port: *port, error }),
            Bind::Unix(path) => bind_unix(path).await,
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

async fn bind_unix(path: &Path) -> Result<Listener, ListenError> {
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
    let listener = UnixListener::bind(path).map_err(failed)?;
    let file = SocketFile::new(path).map_err(failed)?;
    Ok(Listener::Unix(listener, file))
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
