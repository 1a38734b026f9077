//! Connections to mail servers, on which a server cannot answer without end: the library reads lines of any length.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use lettre::transport::smtp::client::AsyncTokioStream;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::tls;

/// Timeout of connecting, and of TLS after that.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes that are read on one connection. All answers together are shorter than 10 kB, those of TLS included.
const READ_MAX_BYTES: usize = 256 * 1024;

/// Connects to a server, without TLS.
pub(super) async fn plain(host: &str, port: u16) -> io::Result<Box<dyn AsyncTokioStream>> {
    let stream = connect(host, port).await?;
    Ok(Box::new(Bounded::new(stream.peer_addr()?, stream)))
}

/// Connects to a server that expects TLS from the first byte.
pub(super) async fn tls(host: &str, port: u16) -> io::Result<Box<dyn AsyncTokioStream>> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let stream = connect(host, port).await?;
    let peer = stream.peer_addr()?;
    let connector = TlsConnector::from(Arc::new(tls::client_config()));
    let stream = timeout(CONNECT_TIMEOUT, connector.connect(name, Bounded::new(peer, stream))).await??;
    Ok(Box::new(Bounded::new(peer, stream)))
}

async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    timeout(CONNECT_TIMEOUT, TcpStream::connect((host, port))).await?
}

/// A stream that fails once a peer has sent more than [`READ_MAX_BYTES`].
#[derive(Debug)]
struct Bounded<S> {
    stream: S,
    peer: SocketAddr,
    left: usize,
}

impl<S> Bounded<S> {
    fn new(peer: SocketAddr, stream: S) -> Self {
        Self { stream, peer, left: READ_MAX_BYTES }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let read = buffer.filled().len() - before;
        let Some(left) = self.left.checked_sub(read) else {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::FileTooLarge, "the server says too much")));
        };
        self.left = left;
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Sync + Unpin> AsyncTokioStream for Bounded<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}
