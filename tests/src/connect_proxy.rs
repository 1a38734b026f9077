//! An HTTP proxy that opens tunnels (`CONNECT`), as networks of companies have, and notes where they lead.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

/// A running proxy.
#[derive(Debug)]
pub struct ConnectProxy {
    port: u16,
    targets: Arc<Mutex<Vec<String>>>,
}

impl ConnectProxy {
    /// Starts a proxy.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("its port").port();
        let targets = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&targets);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(tunnel(stream, Arc::clone(&noted)));
            }
        });
        Self { port, targets }
    }

    /// URL for `HTTPS_PROXY` and the like.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where the tunnels so far lead: hosts with ports.
    pub fn targets(&self) -> Vec<String> {
        self.targets.lock().expect("the mutex is not poisoned").clone()
    }
}

/// Opens the tunnel that a client asks for.
async fn tunnel(client: TcpStream, targets: Arc<Mutex<Vec<String>>>) {
    let mut client = BufReader::new(client);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        if client.read_line(&mut request).await.is_ok_and(|length| length > 0) {
            continue;
        }
        return;
    }
    let target = request.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
    let target = target.unwrap_or_else(|| panic!("expected CONNECT, found {request}"));
    targets.lock().expect("the mutex is not poisoned").push(target.to_owned());
    let mut server = TcpStream::connect(target).await.expect("the server");
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("a client");
    // Either side may close without a word.
    let _ = copy_bidirectional(&mut client, &mut server).await;
}
