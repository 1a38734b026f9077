//! The pages as people see them, in a real browser.

mod badges;
mod home;
mod quality;

use std::net::TcpListener;

use heartbeat_tests::{Database, Server, ServerBuilder};

/// A server at the address that its own links name.
async fn server(database: &Database) -> Server {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    at_port(database, free.expect("a free port").port()).start().await
}

/// A server at a port of its own.
fn at_port(database: &Database, port: u16) -> ServerBuilder {
    ServerBuilder::on(database)
        .environment("HEARTBEAT_BIND", &format!("127.0.0.1:{port}"))
        .environment("HEARTBEAT_LIVE_URL", &format!("http://127.0.0.1:{port}"))
        .environment("HEARTBEAT_SERVER_NAME", "Ada's heartbeat")
}

/// The address of a page.
fn url(server: &Server, path: &str) -> String {
    format!("http://127.0.0.1:{}{path}", server.port())
}
