//! Memory: idle, and after a minute of full load.

use std::time::Duration;

use heartbeat_tests::{Database, ServerBuilder};

use crate::{
    beats,
    load::Load,
    process::resident_memory,
    table::{Table, Target},
};

const LOAD_TIME: Duration = Duration::from_mins(1);

pub(crate) async fn measure(table: &mut Table) {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).start().await;
    let requests = beats::devices(&server, 1).await;
    table.heading("memory", "");
    table.value("idle", "MB", megabytes(resident_memory(server.pid())), Target::AtMost(25.0));
    let load = Load { port: server.port(), connections: 64, requests };
    load.run(LOAD_TIME).await;
    let after = megabytes(resident_memory(server.pid()));
    table.value("after 60 s of full load, 1 device", "MB", after, Target::AtMost(60.0));
}

#[expect(clippy::cast_precision_loss, reason = "megabytes")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}
