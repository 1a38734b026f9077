//! Pages in a real browser.

mod badges;
mod home;
mod quality;

use std::net::TcpListener;

use heartbeat_tests::{Database, Server, ServerBuilder};

/// Starts a server on a free port, with that port in its public URLs.
async fn server(database: &Database) -> Server {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    at_port(database, free.expect("a free port").port()).start().await
}

/// Returns a server on a given port.
fn at_port(database: &Database, port: u16) -> ServerBuilder {
    ServerBuilder::on(database)
        .environment("HEARTBEAT_BIND", &format!("127.0.0.1:{port}"))
        .environment("HEARTBEAT_LIVE_URL", &format!("http://127.0.0.1:{port}"))
        .environment("HEARTBEAT_SERVER_NAME", "Ada's heartbeat")
}

/// URL of a page.
fn url(server: &Server, path: &str) -> String {
    format!("http://127.0.0.1:{}{path}", server.port())
}
