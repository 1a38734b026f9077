//! Connecting to a Unix socket without waiting.

use std::{os::unix::net::UnixStream, path::Path};

use rustix::{
    io::{Errno, ioctl_fionbio},
    net::{self, AddressFamily, SocketAddrUnix, SocketType},
};

/// Connects to a socket, which then does not block. `EAGAIN` says that more connections wait than fit: the server accepts
/// none. A blocking socket would wait for it.
pub(crate) fn connect(path: &Path) -> Result<UnixStream, Errno> {
    let socket = net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    ioctl_fionbio(&socket, true)?;
    net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(UnixStream::from(socket))
}
