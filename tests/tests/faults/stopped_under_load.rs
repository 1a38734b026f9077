//! Graceful shutdown under load.

use std::{
    io,
    path::PathBuf,
    time::{Duration, Instant},
};

use heartbeat_tests::{
    Client, Database, Devices, Load, Server, ServerBuilder, client::http, server::SECRET_KEY,
};
use rustix::process::Signal;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    task::JoinSet,
};

/// Time after which service managers kill.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Number of clients that read the page, each on one connection after the other.
const READERS: usize = 8;

#[derive(Debug, Clone)]
enum Endpoint {
    Port(u16),
    Socket(PathBuf),
}

#[tokio::test]
async fn on_sigterm_under_load_it_finishes_every_request_that_it_has_begun() {
    let (server, database) = Server::fresh().await;
    let (client, port) = (server.stranger(), Endpoint::Port(server.port()));
    stop_under_load(server, &database, &client, port).await;
}

#[tokio::test]
async fn on_sigterm_under_load_at_a_unix_socket_it_does_the_same_and_removes_the_file() {
    let database = Database::create().await;
    let builder = ServerBuilder::on(&database);
    let path = builder.home().join("heartbeat.sock");
    let server = builder.environment("HEARTBEAT_BIND", &format!("unix:{}", path.display())).start().await;
    let client = Client::with("http://socket", http().unix_socket(path.clone()));
    stop_under_load(server, &database, &client, Endpoint::Socket(path.clone())).await;
    assert!(!path.exists());
}

async fn stop_under_load(mut server: Server, database: &Database, client: &Client, endpoint: Endpoint) {
    let devices = Devices::register(&client.authorized(SECRET_KEY), 2).await;
    let load = Load::start(client, &devices);
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        readers.spawn(read(endpoint.clone()));
    }
    devices.wait_for_acknowledged(200).await;
    let signaled = Instant::now();
    server.signal(Signal::TERM);
    assert_eq!(server.ended().await.code(), Some(0), "{}", server.log());
    assert!(signaled.elapsed() < SHUTDOWN_TIMEOUT, "{:?}", signaled.elapsed());
    assert!(!server.log().contains("cut off"), "{}", server.log());

    load.wait_for_disconnect().await;
    assert_eq!(devices.rejected(), 0);
    let pages: i64 = readers.join_all().await.into_iter().sum();
    // No visit was counted for a request without a response.
    assert_eq!(database.number("SELECT total_visits FROM heartbeat.stats").await, pages);
    let beats = database.number("SELECT count(*) FROM heartbeat.beats").await;
    assert_eq!(beats, devices.acknowledged());
}

/// Reads the page until the server stops listening; returns the number of responses.
async fn read(endpoint: Endpoint) -> i64 {
    let mut pages = 0;
    loop {
        let response = match &endpoint {
            Endpoint::Port(port) => ask(TcpStream::connect(("127.0.0.1", *port)).await).await,
            Endpoint::Socket(path) => ask(UnixStream::connect(path).await).await,
        };
        let Some(response) = response else { return pages };
        assert_complete(&response);
        pages += 1;
    }
}

/// Sends a request on a connection of its own; returns the response. `None` if the server never accepted the
/// connection: those in the backlog are lost when it stops listening.
async fn ask(stream: io::Result<impl AsyncRead + AsyncWrite + Unpin>) -> Option<Vec<u8>> {
    let mut stream = stream.ok()?;
    let request = b"GET / HTTP/1.1\r\nhost: heartbeat\r\nconnection: close\r\n\r\n";
    let sent = stream.write_all(request).await;
    let mut response = Vec::new();
    let ended = stream.read_to_end(&mut response).await;
    assert!(response.is_empty() || sent.is_ok() && ended.is_ok(), "cut after {} bytes", response.len());
    (!response.is_empty()).then_some(response)
}

fn assert_complete(response: &[u8]) {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Response::new(&mut headers);
    let parsed = head.parse(response).expect("an HTTP response");
    let httparse::Status::Complete(start_of_body) = parsed else {
        panic!("incomplete response: {:?}", String::from_utf8_lossy(response))
    };
    assert_eq!(head.code, Some(200));
    let length = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok());
    assert_eq!(length, Some(response.len() - start_of_body));
}
