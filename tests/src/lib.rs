//! Test support: real processes, a real PostgreSQL, real HTTP.
//!
//! - [`database`]: a fresh database for each test.
//! - [`cluster`]: a PostgreSQL server for one test, which may be killed.
//! - [`server`]: a running `heartbeat`, with its log.
//! - [`lambda`]: a Lambda function's program, fed with events by a local Runtime API.
//! - [`client`]: an HTTP client, and responses fit for a snapshot.
//! - [`agent`]: the agent's program, with a home of its own.
//! - [`records`]: the records of a database, held against its beats.
//! - [`recorder`]: a server that records every byte.
//! - [`rigs`]: desktops for the agent, without a screen.
//! - [`load`]: load of beats, and a tally of the acknowledged ones.
//! - [`fake_discord`]: a stand-in for Discord.
//! - [`fake_service`]: stand-ins for services over HTTP, good days and bad.
//! - [`fake_ntfy`], [`fake_telegram`]: the rules of two of them.
//! - [`mail_server`]: a real mail server.
//! - [`fake_secrets_manager`]: a stand-in for AWS Secrets Manager.
//! - `signature`: verifies the signatures of requests to AWS.
//! - [`viewer`]: a viewer of the stream.
//! - [`counting_proxy`]: a proxy in front of PostgreSQL that counts round trips.
//! - [`pgbouncer`]: a pooler in front of PostgreSQL.
//! - [`distance`]: a proxy in front of PostgreSQL that delays what passes, as a network does.
//! - [`connect_proxy`]: an HTTP proxy, as networks of companies have.
//! - [`tls_front`]: TLS in front of a server, with a certificate that no system trusts.
//! - [`port`]: ports that no other test gets.
//! - [`wakatime`]: a real client of an editor.
//! - [`browser`]: a real browser.

#![expect(clippy::missing_panics_doc, reason = "here a panic is a failed test")]
#![expect(clippy::must_use_candidate, reason = "a test that forgets a value has other warnings")]

use std::{
    io::{Write, stderr},
    time::{Duration, Instant},
};

pub mod agent;
pub mod browser;
pub mod client;
pub mod cluster;
pub mod connect_proxy;
pub mod counting_proxy;
pub mod database;
pub mod distance;
pub mod fake_discord;
pub mod fake_ntfy;
pub mod fake_secrets_manager;
pub mod fake_service;
pub mod fake_telegram;
pub mod lambda;
pub mod load;
pub mod mail_server;
pub mod pgbouncer;
pub mod port;
pub mod recorder;
pub mod records;
pub mod rigs;
pub mod server;
mod signature;
pub mod tls_front;
pub mod viewer;
pub mod wakatime;

pub use agent::{Agent, AgentHome};
pub use browser::Browser;
pub use client::{Client, Response};
pub use cluster::Cluster;
pub use connect_proxy::ConnectProxy;
pub use counting_proxy::CountingProxy;
pub use database::Database;
pub use distance::Distance;
pub use fake_secrets_manager::FakeSecretsManager;
pub use fake_service::{BadDay, FakeService};
pub use fake_telegram::FakeTelegram;
pub use lambda::Function;
pub use load::{Devices, Load};
pub use mail_server::{MailServer, MailTls};
pub use pgbouncer::PgBouncer;
pub use port::ReservedPort;
pub use server::{Server, ServerBuilder};
pub use tls_front::TlsFront;
pub use viewer::Viewer;
pub use wakatime::WakaTime;

/// Whether this is the long run of `make soak`.
pub fn is_soak() -> bool {
    std::env::var_os("SOAK").is_some()
}

/// Timeout of [`eventually`].
const TEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Says why the present test, or a part of it, cannot run here. Not by `eprintln!`, whose output tests keep to themselves.
pub fn skipped(why: &str) {
    let test = std::thread::current();
    let line = format!("skipped: {}: {why}\n", test.name().unwrap_or_default());
    let _ = stderr().write_all(line.as_bytes());
}

/// Intervals of polls: of the first ones, and of those that have gone on for seconds, which would take a processor from what
/// they wait for.
const POLL_INTERVALS: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(200));

/// Polls until `condition` holds, for states that nothing announces. Panics after a timeout.
pub async fn eventually(description: &str, mut condition: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !condition().await {
        let waited = started.elapsed();
        assert!(waited < TEST_TIMEOUT, "timeout: {description}");
        tokio::time::sleep((waited / 10).clamp(POLL_INTERVALS.0, POLL_INTERVALS.1)).await;
    }
}
