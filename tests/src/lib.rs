//! What the tests stand on: real processes, a real PostgreSQL, real HTTP.
//!
//! - [`database`]: a fresh database for each test.
//! - [`cluster`]: a PostgreSQL of a test's own, which may be killed.
//! - [`server`]: a running `heartbeat`, with its log.
//! - [`lambda`]: a Lambda function's program, fed with events by a Runtime API of our own.
//! - [`client`]: requests to it, and answers fit for a snapshot.
//! - [`load`]: devices that beat all the time, and what they were told.
//! - [`fake_discord`]: a stand-in for Discord.
//! - [`viewer`]: a viewer of the stream.
//! - [`counting_proxy`]: a proxy before PostgreSQL that counts round trips.
//! - [`browser`]: a real browser.

#![expect(clippy::missing_panics_doc, reason = "here a panic is a failed test")]
#![expect(clippy::must_use_candidate, reason = "a test that forgets a value has other warnings")]

use std::time::{Duration, Instant};

pub mod browser;
pub mod client;
pub mod cluster;
pub mod counting_proxy;
pub mod database;
pub mod fake_discord;
pub mod lambda;
pub mod load;
pub mod server;
pub mod viewer;

pub use browser::Browser;
pub use client::{Answer, Client};
pub use cluster::Cluster;
pub use counting_proxy::CountingProxy;
pub use database::Database;
pub use lambda::Function;
pub use load::{Devices, Load};
pub use server::{Server, ServerBuilder};
pub use viewer::Viewer;

/// When a state that should come about is taken not to.
const TEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Waits until `condition` holds, for states that nothing announces.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < TEST_TIMEOUT, "it did not come about: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
