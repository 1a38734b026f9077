//! Distance between a server and its database: a proxy that delays every byte by half a round trip each way, as a
//! network does, without limiting how many bytes are under way.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::{Duration, Instant},
};

use crate::Database;

/// Proxy from a TCP port to PostgreSQL's Unix socket. Its threads block: timers of tokio are no finer than a
/// millisecond.
#[derive(Debug)]
pub struct Distance {
    url: String,
}

/// Bytes, and when they are due at the other side.
type Parcel = (Instant, Vec<u8>);

impl Distance {
    /// Puts `round_trip` between clients and a database.
    pub fn to(database: &Database, round_trip: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("a local address").port();
        let socket = database.server_socket();
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.expect("a connection");
                client.set_nodelay(true).expect("a connection");
                // It is away when the database was killed; then the client's connection ends.
                if let Ok(server) = UnixStream::connect(&socket) {
                    connect(client, server, round_trip / 2);
                }
            }
        });
        let url = format!("postgresql://heartbeat@127.0.0.1:{port}/{}", database.name());
        Self { url }
    }

    /// URL of the database across the distance.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// Forwards bytes both ways until both have ended.
fn connect(client: TcpStream, server: UnixStream, delay: Duration) {
    let (read_client, read_server) =
        (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
    let ((to_server, at_server), (to_client, at_client)) = (mpsc::channel(), mpsc::channel());
    thread::spawn(move || send(read_client, &to_server, delay));
    thread::spawn(move || send(read_server, &to_client, delay));
    thread::spawn(move || {
        deliver(&server, &at_server);
        // Fails if the other side has closed the connection.
        let _ = server.shutdown(Shutdown::Both);
    });
    thread::spawn(move || {
        deliver(&client, &at_client);
        let _ = client.shutdown(Shutdown::Both);
    });
}

fn send(mut from: impl Read, parcels: &Sender<Parcel>, delay: Duration) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if parcels.send((Instant::now() + delay, buffer[..read].to_vec())).is_err() {
            return;
        }
    }
}

fn deliver(mut to: impl Write, parcels: &Receiver<Parcel>) {
    for (due, bytes) in parcels {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if to.write_all(&bytes).is_err() {
            return;
        }
    }
}
