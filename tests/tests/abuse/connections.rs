//! Connections that are opened and then misused.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use heartbeat_tests::{Database, Server, ServerBuilder, eventually};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

/// How long a connection that does nothing may live: the limit of ten seconds, and what a busy machine adds.
const DROPPED_WITHIN: Duration = Duration::from_secs(25);

const UPGRADE: &[u8] =
    b"GET /api/stats/ws HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
      sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

const PAGE: &[u8] = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n";

/// Sends bytes, and returns what comes back until the server closes.
pub(super) async fn exchange(port: u16, bytes: &[u8]) -> String {
    let mut stream = connect(port).await;
    // It may have read enough before it has read all.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = timeout(DROPPED_WITHIN, stream.read_to_end(&mut answer)).await.expect("an end");
    String::from_utf8_lossy(&answer).into_owned()
}

async fn connect(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).await.expect("a connection")
}

/// Lets this process have as many connections as the system allows.
fn allow_many_connections() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("more file descriptors");
}

/// Sends `start`, and waits until the server has closed the connection.
async fn is_dropped(mut stream: TcpStream, start: &'static [u8]) -> bool {
    stream.write_all(start).await.expect("a start");
    let mut rest = Vec::new();
    timeout(DROPPED_WITHIN, stream.read_to_end(&mut rest)).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_slow_clients_are_dropped_and_in_nobodys_way() {
    const CLIENTS: usize = 5_000;
    const STARTS: [&[u8]; 3] = [
        b"GET / HTTP/1.1\r\nhost: ",
        b"POST /api/devices HTTP/1.1\r\nhost: h\r\nauthorization: the owner's key\r\ncontent-length: 100\r\n\r\n{",
        b"",
    ];
    allow_many_connections();
    let (server, _database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        // One after the other: more than the system lets wait at a time would connect only seconds later.
        let stream = connect(server.port()).await;
        clients.spawn(is_dropped(stream, STARTS[number % STARTS.len()]));
    }
    let mut times = Vec::new();
    while times.len() < 1_000 {
        let asked = Instant::now();
        laptop.beat().await;
        times.push(asked.elapsed());
    }
    assert!(!clients.is_empty(), "no slow client is left");
    times.sort();
    let p99 = times[times.len() * 99 / 100];
    // Where nothing else runs this is 0.5 ms, and 50 ms are promised; here other tests are at work.
    assert!(p99 < Duration::from_millis(500), "{p99:?}");
    let dropped = clients.join_all().await;
    let still_open = dropped.iter().filter(|dropped| !**dropped).count();
    assert_eq!(still_open, 0);
    laptop.beat().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_never_reads_the_answers_is_dropped() {
    const CLIENTS: usize = 1_000;
    allow_many_connections();
    let (server, _database) = Server::fresh().await;
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let port = server.port();
        clients.spawn(async move {
            let mut stream = connect(port).await;
            // More requests than the answers have room for in the buffers of both sides.
            let ask = async { while stream.write_all(&PAGE.repeat(100)).await.is_ok() {} };
            timeout(DROPPED_WITHIN * 2, ask).await.is_ok()
        });
    }
    for dropped in clients.join_all().await {
        assert!(dropped);
    }
    assert_eq!(server.stranger().get("/api/stats").await.status, 200);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_with_408() {
    let (server, _database) = Server::fresh().await;
    let head = "POST /api/devices HTTP/1.1\r\nhost: h\r\nauthorization: the owner's key\r\ncontent-length: 9\r\n\r\n{";
    let answer = exchange(server.port(), head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    // Without the key the body is not waited for.
    let started = Instant::now();
    let answer = exchange(server.port(), head.replace("owner's", "thief's").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 401") && started.elapsed() < Duration::from_secs(5), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_viewers_that_give_no_sign_of_life_are_dropped() {
    const VIEWERS: usize = 1_000;
    allow_many_connections();
    let (server, _database) = Server::fresh().await;
    let mut viewers = Vec::new();
    for _ in 0..VIEWERS {
        let mut stream = connect(server.port()).await;
        stream.write_all(UPGRADE).await.expect("a request");
        // It reads no frame and answers no ping.
        viewers.push(stream);
    }
    let connected = format!("/proc/{}/fd", server.pid());
    let open = || std::fs::read_dir(&connected).expect("a running server").count();
    eventually("a thousand viewers", async || open() >= VIEWERS).await;
    eventually("nobody watching", async || open() < 100).await;
}

#[tokio::test]
async fn as_many_may_watch_as_the_owner_allows() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).config_file("max_viewers = 2").start().await;
    let mut first = server.viewer().await;
    let _second = server.viewer().await;
    let answer = exchange(server.port(), UPGRADE).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 5"), "{answer}");
    first.stats().await;
    drop(first);
    eventually("room for another", async || {
        let mut stream = connect(server.port()).await;
        stream.write_all(UPGRADE).await.expect("a request");
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.expect("an answer");
        status == *b"HTTP/1.1 101"
    })
    .await;
}

#[tokio::test]
async fn running_out_of_file_descriptors_ends_nothing() {
    let database = Database::create().await;
    let mut server = ServerBuilder::on(&database).descriptors(160).start().await;
    let idle = join_all((0..30).map(|_| connect(server.port()))).await;
    // Connections in the backlog are accepted when the idle ones are dropped.
    timeout(DROPPED_WITHIN * 2, server.device("Laptop")).await.expect("an answer").beat().await;
    drop(idle);
    assert_eq!(server.stranger().stats().await["total_beats"], 1);
    assert!(server.stop().await.success());
}
