//! Connections misused: slow or idle clients, unread responses, dead viewers, exhausted file descriptors.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use heartbeat_tests::{Database, Server, ServerBuilder, eventually, is_soak};
use reqwest::Method;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::timeout,
};

/// Maximum lifetime of an idle connection: the timeout of ten seconds, and the delays of a busy machine.
const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(25);

const UPGRADE_REQUEST: &[u8] =
    b"GET /api/stats/ws HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
      sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

const PAGE_REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n";

/// Sends bytes; returns everything received until the server closes the connection.
pub(super) async fn exchange(port: u16, bytes: &[u8]) -> String {
    let mut stream = connect(port).await;
    // The server may respond, and close, before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut response = Vec::new();
    let _ = timeout(IDLE_CONNECTION_TIMEOUT, stream.read_to_end(&mut response)).await.expect("an end");
    String::from_utf8_lossy(&response).into_owned()
}

async fn connect(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).await.expect("a connection")
}

/// Connects from an IP address of its own for each `host`, all of them of this machine.
pub(super) async fn connect_from(host: u8, port: u16) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from(([127, 0, 1, host], 0))).expect("a loopback address");
    socket.connect(SocketAddr::from(([127, 0, 0, 1], port))).await.expect("a connection")
}

/// Sends a beat on a connection of its own, from another host than any stranger; returns the status.
async fn status_of_beat(port: u16, token: &str) -> u16 {
    let mut stream = connect_from(250, port).await;
    let head =
        format!("POST /api/beat HTTP/1.1\r\nhost: h\r\nauthorization: {token}\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("a request");
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.expect("a response");
    String::from_utf8_lossy(&status[9..]).parse().expect("a status")
}

/// Sends a request for the stats; returns the status, or nothing if the server closed the connection.
pub(super) async fn status_of_stats(stream: &mut TcpStream) -> Option<u16> {
    const REQUEST: &[u8] = b"GET /api/stats HTTP/1.1\r\nhost: h\r\n\r\n";
    stream.write_all(REQUEST).await.ok()?;
    let mut received = Vec::new();
    // The body is one line of JSON, whose last member is this one.
    while !String::from_utf8_lossy(&received).contains("\"uptime\"") {
        if stream.read_buf(&mut received).await.ok()? == 0 {
            break;
        }
    }
    String::from_utf8_lossy(&received).split(' ').nth(1)?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn with_every_place_taken_a_beat_finds_one_at_once() {
    const HOSTS: u8 = 20;
    const CONNECTIONS_PER_HOST: usize = 32;
    let database = Database::create().await;
    // 384 places besides those of viewers.
    let server = ServerBuilder::on(&database).max_file_descriptors(1_024).start().await;
    let (_, token) = server.owner().register("Laptop").await;
    let mut strangers = Vec::new();
    for host in (1..=HOSTS).cycle().take(usize::from(HOSTS) * if is_soak() { 20 } else { 1 }) {
        for _ in 0..CONNECTIONS_PER_HOST {
            let mut stream = connect_from(host, server.port()).await;
            // Half of them have had a response, and could go on like that for ever.
            if strangers.len() % 2 == 0 {
                status_of_stats(&mut stream).await.expect("a response");
            }
            strangers.push(stream);
        }
        // Without a place it would wait for an idle timeout of ten seconds.
        let beat = status_of_beat(server.port(), &token);
        assert_eq!(timeout(IDLE_CONNECTION_TIMEOUT / 5, beat).await, Ok(200));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_ip_has_a_share_of_the_places_and_takes_none_from_others() {
    const SHARE: usize = 32;
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).max_file_descriptors(1_024).start().await;
    let mut bystander = connect_from(2, server.port()).await;
    assert_eq!(status_of_stats(&mut bystander).await, Some(200));
    let mut greedy = Vec::new();
    for _ in 0..10 * SHARE {
        let mut stream = connect_from(1, server.port()).await;
        assert_eq!(status_of_stats(&mut stream).await, Some(200));
        greedy.push(stream);
    }
    // Each new connection of the greedy host took the place of one of its own.
    let mut open = 0;
    for stream in &mut greedy {
        open += usize::from(status_of_stats(stream).await == Some(200));
    }
    assert!((1..=SHARE).contains(&open), "{open} connections of one client IP");
    assert_eq!(status_of_stats(&mut bystander).await, Some(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_ip_has_a_share_of_the_viewers() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).config_file("max_viewers = 100").start().await;
    let mut viewers = Vec::new();
    let mut upgrade = async |host| {
        let mut stream = connect_from(host, server.port()).await;
        stream.write_all(UPGRADE_REQUEST).await.expect("a request");
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.expect("a response");
        viewers.push(stream);
        String::from_utf8_lossy(&status[9..]).into_owned()
    };
    for _ in 0..32 {
        assert_eq!(upgrade(1).await, "101");
    }
    assert_eq!(upgrade(1).await, "503");
    for host in [2, 3] {
        for _ in 0..32 {
            assert_eq!(upgrade(host).await, "101");
        }
    }
    // All places are taken, by those who have most of them.
    for _ in 0..10 {
        assert_eq!(upgrade(4).await, "101");
    }
}

#[tokio::test]
async fn a_viewer_that_talks_without_end_is_dropped() {
    // A ping without content, masked with zeros (RFC 6455, section 5.2).
    const PING: [u8; 6] = [0x89, 0x80, 0, 0, 0, 0];
    let (server, _database) = Server::fresh().await;
    let mut stream = connect(server.port()).await;
    stream.write_all(UPGRADE_REQUEST).await.expect("a request");
    let talk = async {
        // Writes fail once the server has closed the connection.
        while stream.write_all(&PING).await.is_ok() {
            let mut frames = [0; 4096];
            let _ = timeout(Duration::from_millis(1), stream.read(&mut frames)).await;
        }
    };
    timeout(IDLE_CONNECTION_TIMEOUT, talk).await.expect("an end");
}

/// Raises the limit of open files to the maximum that the system allows.
pub(super) fn allow_many_connections() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("more file descriptors");
}

/// Sends the start of a request; returns whether the server closes the connection in time.
async fn is_dropped(mut stream: TcpStream, start: &'static [u8]) -> bool {
    stream.write_all(start).await.expect("a start");
    let mut rest = Vec::new();
    timeout(IDLE_CONNECTION_TIMEOUT, stream.read_to_end(&mut rest)).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_slow_clients_are_dropped_and_delay_no_beat() {
    const CLIENTS: usize = 5_000;
    const HOSTS: usize = 100;
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
        // One after the other: connections beyond the backlog would be retried only seconds later.
        let host = u8::try_from(number % HOSTS).expect("few");
        let stream = connect_from(host, server.port()).await;
        clients.spawn(is_dropped(stream, STARTS[number % STARTS.len()]));
    }
    // Each would wait for ten seconds if it waited for any of the slow clients, and none of these would be left.
    for _ in 0..300 {
        laptop.beat().await;
    }
    let mut dropped = 0;
    while let Some(client) = clients.try_join_next() {
        assert!(client.expect("a client"), "a slow client was not dropped in time");
        dropped += 1;
    }
    assert!(dropped < CLIENTS, "no slow client is left");
    assert!(clients.join_all().await.into_iter().all(|dropped| dropped));
    laptop.beat().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_never_read_the_responses_are_dropped_and_take_little_memory() {
    const CLIENTS: usize = 1_000;
    const KILOBYTES_PER_CLIENT: i64 = 150;
    allow_many_connections();
    let (server, _database) = Server::fresh().await;
    server.stranger().get("/").await;
    let before = server.resident_memory();
    for _ in 0..if is_soak() { 10 } else { 1 } {
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let port = server.port();
            clients.spawn(async move {
                let mut stream = connect(port).await;
                // More requests than the buffers of both sides have room for responses.
                let send = async { while stream.write_all(&PAGE_REQUEST.repeat(100)).await.is_ok() {} };
                timeout(IDLE_CONNECTION_TIMEOUT * 2, send).await.is_ok()
            });
        }
        let mut growth = 0;
        while let Some(dropped) = clients.join_next().await {
            assert!(dropped.expect("a client"));
            growth = growth.max(server.resident_memory() - before);
        }
        let most = KILOBYTES_PER_CLIENT * i64::try_from(CLIENTS).expect("few");
        assert!(growth < most, "{growth} kB, more than {most} kB");
    }
    assert_eq!(server.stranger().get("/api/stats").await.status, 200);
}

#[tokio::test]
async fn a_body_that_never_arrives_is_answered_with_408() {
    let (server, _database) = Server::fresh().await;
    let head = "POST /api/devices HTTP/1.1\r\nhost: h\r\nauthorization: the owner's key\r\ncontent-length: 9\r\n\r\n{";
    let response = exchange(server.port(), head.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 408"), "{response}");
    // Without the key the body is not waited for.
    let started = Instant::now();
    let response = exchange(server.port(), head.replace("owner's", "thief's").as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 401") && started.elapsed() < Duration::from_secs(5), "{response}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_viewers_that_answer_no_ping_are_dropped() {
    const VIEWERS: usize = 1_000;
    allow_many_connections();
    let (server, _database) = Server::fresh().await;
    let mut viewers = Vec::new();
    for number in 0..VIEWERS {
        let host = u8::try_from(number % 10).expect("few");
        let mut stream = connect_from(host, server.port()).await;
        stream.write_all(UPGRADE_REQUEST).await.expect("a request");
        // Reads no frame and answers no ping.
        viewers.push(stream);
    }
    let connected = format!("/proc/{}/fd", server.pid());
    let open = || std::fs::read_dir(&connected).expect("a running server").count();
    eventually("a thousand viewers", async || open() >= VIEWERS).await;
    eventually("no viewers", async || open() < 100).await;
}

#[tokio::test]
async fn viewers_above_the_configured_maximum_are_rejected() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).config_file("max_viewers = 2").start().await;
    let mut first = server.viewer().await;
    let _second = server.viewer().await;
    let response = exchange(server.port(), UPGRADE_REQUEST).await;
    assert!(response.starts_with("HTTP/1.1 503") && response.contains("retry-after: 5"), "{response}");
    first.stats().await;
    drop(first);
    eventually("room for another viewer", async || {
        let mut stream = connect(server.port()).await;
        stream.write_all(UPGRADE_REQUEST).await.expect("a request");
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.expect("a response");
        status == *b"HTTP/1.1 101"
    })
    .await;
}

#[tokio::test]
async fn running_out_of_file_descriptors_does_not_stop_the_server() {
    let database = Database::create().await;
    let mut server = ServerBuilder::on(&database).max_file_descriptors(160).start().await;
    let idle = join_all((0..30).map(|_| connect(server.port()))).await;
    // Most of them are above the share of their client IP, and are refused until the first ones have made room.
    let register = async || {
        server.owner().try_send(Method::POST, "/api/devices", r#"{"name": "Laptop"}"#.into()).await.ok()
    };
    let mut registered = None;
    eventually("a place", async || {
        registered = register().await.filter(|response| response.status == 200);
        registered.is_some()
    })
    .await;
    let registered = registered.expect("a response").json();
    server.stranger().authorized(registered["token"].as_str().expect("a token")).beat().await;
    drop(idle);
    assert_eq!(server.stranger().stats().await["total_beats"], 1);
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_without_a_window_is_closed_and_takes_no_memory() {
    const CONNECTIONS: usize = 10;
    const REQUESTS: u32 = 200;
    const MOST_KILOBYTES: i64 = 5_000;
    let (server, _database) = Server::fresh().await;
    server.stranger().get("/").await;
    let before = server.resident_memory();
    for _ in 0..CONNECTIONS * if is_soak() { 100 } else { 1 } {
        let response = exchange(server.port(), &http_2_requests(REQUESTS)).await;
        assert!(!response.contains("<html"), "{response}");
    }
    let growth = server.resident_memory() - before;
    assert!(growth < MOST_KILOBYTES, "{growth} kB");
}

/// Bytes of an HTTP/2 connection (RFC 9113) whose peer opens no window, with requests for the home page.
fn http_2_requests(number: u32) -> Vec<u8> {
    const SETTINGS: u8 = 4;
    const HEADERS: u8 = 1;
    /// `SETTINGS_INITIAL_WINDOW_SIZE` of zero.
    const NO_WINDOW: &[u8] = &[0, 4, 0, 0, 0, 0];
    /// `GET`, `http`, `/` and `accept-encoding: gzip, deflate` of the static table, and the authority `h` (RFC 7541).
    const HOME_PAGE: &[u8] = &[0x82, 0x86, 0x84, 0x90, 0x41, 1, b'h'];
    let frame = |kind: u8, flags: u8, stream: u32, payload: &[u8]| {
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes()[..], payload].concat()
    };
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, NO_WINDOW));
    // END_STREAM and END_HEADERS.
    bytes.extend((0..number).flat_map(|request| frame(HEADERS, 5, 2 * request + 1, HOME_PAGE)));
    bytes
}
