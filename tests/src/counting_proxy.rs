//! A TCP proxy in front of PostgreSQL, or of a pooler, that counts round trips.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UnixStream},
};

use crate::Database;

/// Proxy from a TCP port to a Unix socket.
#[derive(Debug)]
pub struct CountingProxy {
    port: u16,
    traffic: Arc<Traffic>,
}

#[derive(Debug, Default)]
struct Traffic {
    /// Side that sent last: [`CLIENT`] or [`SERVER`].
    last_sender: AtomicU8,
    round_trips: AtomicUsize,
}

const CLIENT: u8 = 1;
const SERVER: u8 = 2;

impl CountingProxy {
    /// Starts a proxy in front of the server that tests share.
    pub async fn start() -> Self {
        Self::before(Database::socket()).await
    }

    /// Starts a proxy in front of a Unix socket.
    pub async fn before(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("a local address").port();
        let traffic = Arc::new(Traffic::default());
        let counted = Arc::clone(&traffic);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&socket).await.expect("PostgreSQL");
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(forward(from_client, to_server, Arc::clone(&counted), CLIENT));
                tokio::spawn(forward(from_server, to_client, Arc::clone(&counted), SERVER));
            }
        });
        Self { port, traffic }
    }

    /// URL of a database through the proxy.
    pub fn url(&self, database: &Database) -> String {
        format!("postgresql://heartbeat@127.0.0.1:{}/{}", self.port, database.name())
    }

    /// Number of times that the client sent something after the server had.
    pub fn round_trips(&self) -> usize {
        self.traffic.round_trips.load(SeqCst)
    }
}

async fn forward(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    traffic: Arc<Traffic>,
    sender: u8,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if traffic.last_sender.swap(sender, SeqCst) != sender && sender == CLIENT {
            traffic.round_trips.fetch_add(1, SeqCst);
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
    // Forwards the end of the stream, too.
    let _ = to.shutdown().await;
}
