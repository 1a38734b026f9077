//! A server that records every byte it receives, and answers what a test wants.

use std::{
    io,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, UnixListener},
};

/// An answer of a Heartbeat server to a beat.
pub const RECORDED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n1700000000";

/// A recording server.
#[derive(Debug)]
pub struct Recorder {
    address: Option<SocketAddr>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    /// Starts a server on a free port of this machine.
    pub async fn start(answer: &'static str) -> Self {
        Self::start_on("127.0.0.1:0", answer).await
    }

    /// Starts a server on an address.
    pub async fn start_on(address: &str, answer: &'static str) -> Self {
        let listener = TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("a local address");
        let requests = Arc::default();
        let recorded = Arc::clone(&requests);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                tokio::spawn(serve(stream, answer, Arc::clone(&recorded)));
            }
        });
        Self { address: Some(address), requests }
    }

    /// Starts a server on a Unix socket.
    pub fn start_on_socket(path: &Path, answer: &'static str) -> Self {
        let listener = UnixListener::bind(path).expect("a socket");
        let requests = Arc::default();
        let recorded = Arc::clone(&requests);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                tokio::spawn(serve(stream, answer, Arc::clone(&recorded)));
            }
        });
        Self { address: None, requests }
    }

    /// Starts a server on a free port that speaks TLS with a certificate.
    pub fn start_tls(
        certificate: CertificateDer<'static>,
        key: PrivateKeyDer<'static>,
        answer: &'static str,
    ) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = builder.expect("versions of TLS").with_no_client_auth();
        let config = Arc::new(config.with_single_cert(vec![certificate], key).expect("a key that fits"));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("a local address");
        let requests = Arc::default();
        let recorded = Arc::clone(&requests);
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
                // A client that does not trust the certificate hangs up.
                let _ = serve_tls(StreamOwned::new(connection, stream), answer, &recorded);
            }
        });
        Self { address: Some(address), requests }
    }

    /// Address of the server.
    pub fn address(&self) -> SocketAddr {
        self.address.expect("a server on a port")
    }

    /// URL of the server.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Requests so far, each as it arrived.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("the mutex is not poisoned").clone()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &str,
    requests: Arc<Mutex<Vec<String>>>,
) -> io::Result<()> {
    let mut request = read(&mut stream).await?;
    record(&requests, &request);
    if request.starts_with(b"CONNECT ") {
        // A proxy, and the server behind it.
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        request = read(&mut stream).await?;
        record(&requests, &request);
    }
    if answer.is_empty() {
        // Held open until the client gives up.
        stream.read_buf(&mut request).await?;
        return Ok(());
    }
    stream.write_all(answer.as_bytes()).await?;
    // Were there more, this would be recorded as a request of its own.
    let mut more = Vec::new();
    stream.read_to_end(&mut more).await?;
    if !more.is_empty() {
        record(&requests, &more);
    }
    Ok(())
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    while !is_whole(&request) && stream.read_buf(&mut request).await? > 0 {}
    Ok(request)
}

fn serve_tls(
    mut stream: StreamOwned<ServerConnection, std::net::TcpStream>,
    answer: &str,
    requests: &Mutex<Vec<String>>,
) -> io::Result<()> {
    use io::{Read, Write};

    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !is_whole(&request) {
        match stream.read(&mut buffer)? {
            0 => break,
            read => request.extend_from_slice(&buffer[..read]),
        }
    }
    record(requests, &request);
    stream.write_all(answer.as_bytes())?;
    stream.conn.send_close_notify();
    stream.flush()
}

/// Whether the head of a request is there. What follows it, the tests do not look at.
fn is_whole(request: &[u8]) -> bool {
    request.windows(4).any(|end| end == b"\r\n\r\n")
}

fn record(requests: &Mutex<Vec<String>>, request: &[u8]) {
    let text = String::from_utf8_lossy(request).into_owned();
    requests.lock().expect("the mutex is not poisoned").push(text);
}
