//! The agent on real desktops, beating at a real server.

mod configuration;
mod console;
mod install;
mod install_systemd;
mod mutter;
mod request;
mod running;
mod session;
mod sway;
mod wayland;
mod x11;

use heartbeat_tests::{AgentHome, Database, Server};

/// Returns a server with a device, and the home of an agent that is set up to beat as it.
async fn set_up() -> (Server, Database, AgentHome) {
    let (server, database) = Server::fresh().await;
    let (_, token) = server.owner().register("Laptop").await;
    let home = AgentHome::new();
    home.set_up(&server.url(), &token).await;
    (server, database, home)
}

/// Beats in the database.
async fn beats(database: &Database) -> i64 {
    database.number("SELECT count(*) FROM heartbeat.beats").await
}
