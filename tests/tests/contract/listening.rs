//! Listeners: TCP ports, Unix sockets, HTTP versions; start-up time and memory.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        net::UnixListener,
    },
    path::Path,
    time::{Duration, Instant},
};

use heartbeat_tests::{Client, Database, Server, ServerBuilder, client::http, eventually, skipped};
use reqwest::{Method, Version};
use rustix::process::{Pid, Signal, getegid, geteuid, kill_process};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::{Child, Command},
    time::timeout,
};

fn on_unix_socket(database: &Database) -> (ServerBuilder, std::path::PathBuf) {
    let builder = ServerBuilder::on(database);
    let path = builder.home().join("heartbeat.sock");
    (builder.environment("HEARTBEAT_BIND", &format!("unix:{}", path.display())), path)
}

fn unix_socket_client(path: &std::path::Path) -> Client {
    Client::with("http://socket", http().unix_socket(path))
}

#[tokio::test]
async fn a_unix_socket_is_served_and_its_file_removed_at_the_end() {
    let database = Database::create().await;
    let (builder, path) = on_unix_socket(&database);
    let mut server = builder.start().await;
    assert_eq!(unix_socket_client(&path).stats().await["total_beats"], 0);
    assert!(server.stop().await.success());
    assert!(!path.exists());
}

#[tokio::test]
async fn the_socket_of_a_server_that_was_killed_is_replaced() {
    let database = Database::create().await;
    let (builder, path) = on_unix_socket(&database);
    let mut killed = builder.start().await;
    killed.signal(Signal::KILL);
    killed.ended().await;
    assert!(path.exists());

    let _server = builder.start().await;
    assert_eq!(unix_socket_client(&path).stats().await["total_beats"], 0);
}

#[tokio::test]
async fn the_socket_of_a_running_server_is_kept() {
    let database = Database::create().await;
    let (builder, path) = on_unix_socket(&database);
    let _alive = UnixListener::bind(&path).expect("a socket");
    let (code, output) = builder.run().await;
    assert_eq!(code, 1);
    assert!(
        output.contains("another server answers there; stop it, or set bind to another path"),
        "{output}"
    );
    assert!(path.exists());
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_kept() {
    let database = Database::create().await;
    let (builder, path) = on_unix_socket(&database);
    std::fs::write(&path, "precious").expect("a file");
    let (code, output) = builder.run().await;
    assert_eq!(code, 1);
    assert!(output.contains("it is not a socket"), "{output}");
    assert_eq!(std::fs::read_to_string(&path).expect("the file"), "precious");
}

#[tokio::test]
async fn a_unix_socket_lets_its_owner_and_its_group_in_unless_asked_otherwise() {
    let database = Database::create().await;
    let (builder, path) = on_unix_socket(&database);
    let access = || fs::metadata(&path).map(|file| (file.mode() & 0o777, file.gid())).expect("a socket");
    let mut server = builder.start().await;
    assert_eq!(access(), (0o660, getegid().as_raw()));
    assert!(server.stop().await.success());

    let builder = builder.environment("HEARTBEAT_BIND_MODE", "0600");
    // Only root may give files to groups that it is not in.
    let group = if geteuid().is_root() { 12345 } else { getegid().as_raw() };
    let mut server = builder.clone().environment("HEARTBEAT_BIND_GROUP", &group.to_string()).start().await;
    assert_eq!(access(), (0o600, group));
    assert!(server.stop().await.success());

    let (code, output) = builder.environment("HEARTBEAT_BIND_GROUP", "no-such-group").run().await;
    assert_eq!(code, 1);
    assert!(output.contains("bind_group: there is no group \"no-such-group\" in /etc/group"), "{output}");
    assert!(!path.exists());
}

#[tokio::test]
async fn a_mode_that_is_none_is_an_error_that_says_what_is_expected() {
    for mode in ["rw-rw----", "1777", "668", "+660"] {
        let (code, output) = ServerBuilder::bare().environment("HEARTBEAT_BIND_MODE", mode).run().await;
        assert_eq!(code, 2, "{output}");
        let expected =
            "bind_mode (environment variable HEARTBEAT_BIND_MODE): expected a mode in octal, such as 660";
        assert!(output.contains(expected), "{output}");
    }
}

/// Starts nginx on a Unix socket in `folder`, with the sample of the archive in front of Heartbeat's socket. `None`
/// where there is no nginx.
fn start_nginx(folder: &Path, heartbeat: &Path) -> Option<Child> {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin";
    let program =
        std::env::split_paths(&path).map(|folder| folder.join("nginx")).find(|path| path.exists())?;
    let site = include_str!("../../../infra/dist-files/nginx.conf")
        .replace("listen 80;", &format!("listen unix:{};", folder.join("nginx.sock").display()))
        .replace(
            "proxy_pass http://127.0.0.1:6060",
            &format!("proxy_pass http://unix:{}", heartbeat.display()),
        );
    // Root's nginx has workers of another user, who is not root.
    let user = if geteuid().is_root() { "user www-data;" } else { "" };
    let folder_path = folder.display();
    let configuration = format!(
        "{user} daemon off; pid {folder_path}/pid; error_log {folder_path}/log; events {{}}
         http {{
            access_log off; client_body_temp_path {folder_path}/body; proxy_temp_path {folder_path}/proxy;
            fastcgi_temp_path {folder_path}/fastcgi; uwsgi_temp_path {folder_path}/uwsgi;
            scgi_temp_path {folder_path}/scgi;
            {site}
         }}"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, configuration).expect("a configuration");
    let mut command = Command::new(program);
    command.arg("-c").arg(file).arg("-p").arg(folder).kill_on_drop(true);
    Some(command.spawn().expect("nginx"))
}

#[tokio::test]
async fn nginx_reaches_a_unix_socket_of_its_group_and_of_no_other() {
    let database = Database::create().await;
    let (builder, path) = on_unix_socket(&database);
    fs::set_permissions(builder.home(), fs::Permissions::from_mode(0o711))
        .expect("a folder that can be entered");
    let Some(mut nginx) = start_nginx(builder.home(), &path) else {
        return skipped("there is no nginx (apt-get install nginx-light)");
    };
    let socket = builder.home().join("nginx.sock");
    let client = unix_socket_client(&socket);
    eventually("nginx", async || client.try_send(Method::GET, "/", Vec::new()).await.is_ok()).await;

    if geteuid().is_root() {
        let mut server = builder.start().await;
        assert_eq!(client.get("/api/stats").await.status, 502);
        assert!(server.stop().await.success());
    } else {
        skipped("only root has an nginx of another user");
    }
    let group = if geteuid().is_root() { "www-data" } else { "" };
    let _server = builder.environment("HEARTBEAT_BIND_GROUP", group).start().await;
    assert_eq!(client.stats().await["total_beats"], 0);
    // Its master ends its workers, which SIGKILL would leave.
    let master = Pid::from_raw(nginx.id().expect("a running nginx").cast_signed()).expect("not zero");
    kill_process(master, Signal::TERM).expect("a running nginx");
    nginx.wait().await.expect("an end");
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_says_what_to_do() {
    let (server, database) = Server::fresh().await;
    let taken = format!("127.0.0.1:{}", server.port());
    let (code, output) = ServerBuilder::on(&database).environment("HEARTBEAT_BIND", &taken).run().await;
    assert_eq!(code, 1);
    assert!(output.contains(&format!("bind {taken}: Address already in use")), "{output}");
}

#[tokio::test]
async fn a_client_that_asks_for_http_2_gets_its_response_over_http_1() {
    let (server, _database) = Server::fresh().await;
    let base = format!("http://127.0.0.1:{}/api/stats", server.port());
    // RFC 9110, section 7.8: a server may ignore the header.
    let one = http().http1_only().build().expect("a client");
    let request = one.get(&base).header("connection", "upgrade").header("upgrade", "h2c");
    let response = request.send().await.expect("a response");
    assert_eq!((response.version(), response.status().as_u16()), (Version::HTTP_11, 200));
}

#[tokio::test]
async fn the_idle_server_takes_less_than_20_mb_beside_its_program() {
    let (server, _database) = Server::fresh().await;
    server.device("Laptop").await.beat().await;
    server.stranger().stats().await;
    // The pages of a program that was built quickly would be most of it.
    let kilobytes = server.anonymous_memory();
    assert!(kilobytes < 20_000, "{kilobytes} kB");
}

#[tokio::test]
async fn the_first_response_comes_within_300_ms_of_the_start() {
    let (_server, database) = Server::fresh().await;
    let (builder, port) = ServerBuilder::on(&database).fixed_port();
    let mut fastest = Duration::MAX;
    // The fastest of ten, as the machine may be busy at times.
    for _ in 0..10 {
        let started = Instant::now();
        let mut server = builder.spawn();
        let client = Client::new(&format!("http://127.0.0.1:{port}"));
        eventually("a response", async || {
            let response = client.try_send(reqwest::Method::GET, "/api/stats", Vec::new()).await;
            response.is_ok_and(|response| response.status == 200)
        })
        .await;
        fastest = fastest.min(started.elapsed());
        assert!(server.stop().await.success());
    }
    assert!(fastest < Duration::from_millis(300), "{fastest:?}");
}

#[tokio::test]
async fn connections_that_send_no_complete_request_are_closed() {
    let (server, _database) = Server::fresh().await;
    let starts = ["", "PRI * HT", "GET / HTTP/1.1\r\nhost: h\r\n"];
    let closed = starts.map(|start| {
        let port = server.port();
        tokio::spawn(async move {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
            stream.write_all(start.as_bytes()).await.expect("a start");
            let mut response = Vec::new();
            timeout(Duration::from_secs(20), stream.read_to_end(&mut response)).await.is_ok()
        })
    });
    for (start, closed) in starts.iter().zip(closed) {
        assert!(closed.await.expect("a result"), "still open after {start:?}");
    }
}
