//! Memory: idle, and after a minute of as many beats as there can be.

use std::time::Duration;

use heartbeat_tests::{Database, ServerBuilder};

use crate::{
    beats,
    load::Load,
    process::resident_memory,
    table::{Must, Table},
};

const LOAD: Duration = Duration::from_mins(1);

pub(crate) async fn measure(table: &mut Table) {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).start().await;
    let requests = beats::devices(&server, 1).await;
    table.heading("memory", "");
    table.figure("idle", "MB", megabytes(resident_memory(server.pid())), Must::AtMost(25.0));
    let load = Load { port: server.port(), connections: 64, requests };
    load.run(LOAD).await;
    let after = megabytes(resident_memory(server.pid()));
    table.figure("after 60 s of full load, 1 device", "MB", after, Must::AtMost(60.0));
}

#[expect(clippy::cast_precision_loss, reason = "megabytes")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}
