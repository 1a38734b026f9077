//! A proxy before PostgreSQL that counts round trips, and delays answers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UnixStream},
};

use crate::Database;

/// Takes connections over TCP, and passes what they send on to PostgreSQL's socket, and back.
#[derive(Debug)]
pub struct CountingProxy {
    port: u16,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// The side that sent last.
    last_sender: AtomicU8,
    round_trips: AtomicUsize,
}

const CLIENT: u8 = 1;
const SERVER: u8 = 2;

impl CountingProxy {
    /// Starts a proxy before the server that the tests' databases are on.
    pub async fn start() -> Self {
        Self::start_with_delay(Duration::ZERO).await
    }

    /// The same before a server that is far away: each answer is on its way for `delay`.
    pub async fn start_with_delay(delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its number").port();
        let seen = Arc::new(Seen::default());
        let noted = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(Database::socket()).await.expect("PostgreSQL");
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(forward(from_client, to_server, Arc::clone(&noted), CLIENT, Duration::ZERO));
                tokio::spawn(forward(from_server, to_client, Arc::clone(&noted), SERVER, delay));
            }
        });
        Self { port, seen }
    }

    /// The URL of a database at the other end.
    pub fn url(&self, database: &Database) -> String {
        format!("postgresql://heartbeat@127.0.0.1:{}/{}", self.port, database.name())
    }

    /// Number of times that a client has sent something after the server had.
    pub fn round_trips(&self) -> usize {
        self.seen.round_trips.load(SeqCst)
    }
}

async fn forward(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    seen: Arc<Seen>,
    who: u8,
    delay: Duration,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if seen.last_sender.swap(who, SeqCst) != who && who == CLIENT {
            seen.round_trips.fetch_add(1, SeqCst);
        }
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
    // Passes the end of the connection on, too.
    let _ = to.shutdown().await;
}
