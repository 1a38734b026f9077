//! The request: every byte that is sent, and what each answer means.

use heartbeat_tests::{
    AgentHome,
    recorder::{RECORDED, Recorder},
};

use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketType};

const TOKEN: &str = "hbt_0123456789";

/// Returns the home of an agent that beats at `url`.
async fn home(url: &str) -> AgentHome {
    let home = AgentHome::new();
    home.set_up(url, TOKEN).await;
    home
}

/// The whole request for `path` at `host`.
fn beat(path: &str, host: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\ncontent-length: 0\r\nhost: {host}\r\nauthorization: Bearer {TOKEN}\r\n\r\n"
    )
}

#[tokio::test]
async fn nothing_but_the_token_leaves_the_machine() {
    let server = Recorder::start(RECORDED).await;
    let (code, printed) = home(&server.url()).await.run(&["once"]).await;
    assert_eq!((code, printed.trim()), (0, format!("{}: 200: recorded", server.url()).as_str()));
    assert_eq!(server.requests(), [beat("/api/beat", &server.address().to_string())]);
}

#[tokio::test]
async fn a_path_prefix_is_kept() {
    let server = Recorder::start(RECORDED).await;
    home(&format!("{}/heart/", server.url())).await.run(&["once"]).await;
    assert_eq!(server.requests(), [beat("/heart/api/beat", &server.address().to_string())]);
}

#[tokio::test]
async fn the_server_may_have_an_ipv6_address_or_a_unix_socket() {
    let server = Recorder::start_on("[::1]:0", RECORDED).await;
    home(&server.url()).await.run(&["once"]).await;
    assert_eq!(server.requests(), [beat("/api/beat", &server.address().to_string())]);

    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("heartbeat.sock");
    let server = Recorder::start_on_socket(&path, RECORDED);
    // A proxy is no way to a socket of this machine.
    let home =
        home(&format!("unix:{}", path.display())).await.environment("http_proxy", "http://127.0.0.1:9");
    let (code, printed) = home.run(&["once"]).await;
    assert_eq!(code, 0, "{printed}");
    assert_eq!(server.requests(), [beat("/api/beat", "localhost")]);
}

#[tokio::test]
async fn proxies_of_the_environment_are_used_but_for_hosts_that_need_none() {
    let proxy = Recorder::start(RECORDED).await;
    let home = home("http://heart.invalid:6060").await.environment("http_proxy", &proxy.url());
    let (code, printed) = home.run(&["once"]).await;
    assert_eq!(code, 0, "{printed}");
    let connect = concat!(
        "CONNECT heart.invalid:6060 HTTP/1.1\r\nHost: heart.invalid:6060\r\n",
        "Proxy-Connection: Keep-Alive\r\n\r\n"
    );
    assert_eq!(proxy.requests(), [connect.to_owned(), beat("/api/beat", "heart.invalid:6060")]);

    let (code, printed) = home.environment("no_proxy", "heart.invalid").run(&["once"]).await;
    assert_eq!(code, 5, "{printed}");
    assert_eq!(proxy.requests().len(), 2, "not asked again");
}

#[tokio::test]
async fn each_answer_has_its_meaning_and_its_exit_code() {
    for (answer, code, meaning) in [
        (RECORDED, 0, "200: recorded"),
        ("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n", 4, "does not know the token"),
        ("HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n", 5, "the server asks to wait"),
        ("HTTP/1.1 503 Away\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n", 5, "the server asks to wait"),
        ("HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n", 5, "the server has an error"),
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", 4, "check the URL"),
        // A page that asks to sign in to the network.
        ("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nWelcome", 4, "check the URL"),
        ("nonsense", 5, "no answer"),
    ] {
        let server = Recorder::start(answer).await;
        let (exit, printed) = home(&server.url()).await.run(&["once"]).await;
        assert_eq!(exit, code, "{answer}: {printed}");
        assert!(printed.contains(meaning), "{answer}: {printed}");
        assert!(!printed.contains(TOKEN), "{printed}");
        assert_eq!(server.requests().len(), 1, "{answer}: one request");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_token() {
    let elsewhere = Recorder::start(RECORDED).await;
    let location = format!(
        "HTTP/1.1 307 Elsewhere\r\nlocation: {}/api/beat\r\ncontent-length: 0\r\n\r\n",
        elsewhere.url()
    );
    let server = Recorder::start(location.leak()).await;
    let (code, printed) = home(&server.url()).await.run(&["once"]).await;
    assert_eq!(code, 4, "{printed}");
    assert_eq!(server.requests().len(), 1);
    assert!(elsewhere.requests().is_empty(), "{:?}", elsewhere.requests());
}

#[tokio::test]
async fn a_server_that_does_not_answer_has_ten_seconds() {
    let server = Recorder::start("").await;
    let (code, printed) = home(&server.url()).await.run(&["once"]).await;
    assert_eq!(code, 5, "{printed}");
    assert!(printed.contains("timeout"), "{printed}");
}

#[tokio::test]
async fn a_socket_whose_server_accepts_nothing_does_not_hang_the_agent() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("heartbeat.sock");
    let address = SocketAddrUnix::new(&path).expect("an address");
    let socket = net::socket(AddressFamily::UNIX, SocketType::STREAM, None).expect("a socket");
    net::bind(&socket, &address).expect("a free path");
    net::listen(&socket, 0).expect("a listener");
    let _waits = std::os::unix::net::UnixStream::connect(&path).expect("the one connection that fits");
    let (code, printed) = home(&format!("unix:{}", path.display())).await.run(&["once"]).await;
    assert_eq!(code, 5, "{printed}");
    assert!(printed.contains("timeout"), "{printed}");
}

#[tokio::test]
async fn certificates_of_unknown_authorities_are_refused_unless_the_configuration_names_them() {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
    let server = Recorder::start_tls(certified.cert.der().clone(), key, RECORDED);
    let url = format!("https://localhost:{}", server.address().port());

    let home = home(&url).await;
    let (code, printed) = home.run(&["once"]).await;
    assert_eq!(code, 5, "{printed}");
    assert!(server.requests().is_empty(), "the token was sent to a stranger");

    let file = home.path().join("ca.pem");
    std::fs::write(&file, certified.cert.pem()).expect("a file");
    let (code, printed) = home.pipe(&["setup", &url, "--ca-file", &file.display().to_string()], TOKEN).await;
    assert_eq!(code, 0, "{printed}");
    let (code, printed) = home.run(&["once"]).await;
    assert_eq!(code, 0, "{printed}");
    assert_eq!(server.requests(), [beat("/api/beat", &format!("localhost:{}", server.address().port()))]);

    // As does the system's own variable.
    home.set_up(&url, TOKEN).await;
    let trusting = home.environment("SSL_CERT_FILE", &file.display().to_string());
    assert_eq!(trusting.run(&["once"]).await.0, 0);
}

#[tokio::test]
async fn a_pairing_code_is_redeemed_for_a_name_and_a_token() {
    let server = Recorder::start(concat!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 52\r\n\r\n",
        r#"{"id": 0, "name": "Laptop", "token": "hbt_01234567"}"#
    ))
    .await;
    let home = AgentHome::new();
    let (code, printed) = home.run(&["pair", &server.url(), "BCDF-GHJK"]).await;
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains("Paired as Laptop."), "{printed}");
    assert!(!printed.contains("hbt_"), "{printed}");
    let config = std::fs::read_to_string(home.config_file()).expect("a configuration");
    assert!(config.contains("token = \"hbt_01234567\""), "{config}");

    let server = Recorder::start("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await;
    let (code, printed) = home.run(&["pair", &server.url(), "BCDF-GHJK"]).await;
    assert_eq!(code, 4, "{printed}");
    assert!(printed.contains("the code is wrong, used or too old"), "{printed}");
}
