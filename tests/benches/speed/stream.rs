//! The stream: thousands of viewers, against one write of the same bytes for each of them.

mod viewers;

use std::time::Duration;

use heartbeat_tests::{Database, Server, ServerBuilder};
use rustix::process::Pid;

use crate::{
    beats::{self, MANY},
    limits::Limit,
    process::{processor_time, resident_memory},
    table::{Must, Table},
};
use viewers::Viewers;

/// Those who watch when processor time is measured, and when gaps are.
const VIEWERS: usize = 5_000;
const CROWD: usize = 10_000;

const SETTLING: Duration = Duration::from_secs(3);
const WINDOW: Duration = Duration::from_secs(10);

pub(crate) async fn measure(table: &mut Table) {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).start().await;
    for (devices, more) in [("1 device", 1), ("1,000 devices", MANY - 1)] {
        beats::devices(&server, more).await;
        table.heading(&format!("stream, {devices}, processor time a frame"), "bare write");
        let frame = server.stranger().get("/api/stats").await.bytes.len();
        let before = resident_memory(server.pid());
        let (ours, memory, _) = watch(server.port(), server.pid(), VIEWERS, true).await;
        let writer = Limit::start("writer", frame + viewers::header_length(frame)).await;
        let (bare, ..) = watch(writer.port, writer.pid(), VIEWERS, false).await;
        table.ratio(&format!("5,000 viewers, {devices}"), "µs", ours * 1e6, bare * 1e6, Must::AtMost(2.0));
        #[expect(clippy::cast_precision_loss, reason = "kilobytes")]
        let each = memory.saturating_sub(before) as f64 / VIEWERS as f64 / 1024.0;
        let must = if more == 1 { Must::AtMost(20.0) } else { Must::None };
        table.figure(&format!("memory of a viewer, {devices}"), "KB", each, must);
        if more == 1 {
            gaps(table, &server).await;
        }
    }
}

/// How far the time between two frames is off a second.
async fn gaps(table: &mut Table, server: &Server) {
    let (_, _, viewers) = watch(server.port(), server.pid(), CROWD, true).await;
    let off = viewers.worst_gap_off().as_secs_f64() * 1e3;
    table.figure("10,000 viewers: worst gap is off a second by", "ms", off, Must::AtMost(100.0));
}

/// Lets so many watch; returns the processor time, in seconds, that a frame took, and the memory at the end.
async fn watch(port: u16, pid: Pid, number: usize, websockets: bool) -> (f64, u64, Viewers) {
    let viewers = Viewers::connect(port, number, websockets).await;
    tokio::time::sleep(SETTLING).await;
    let (time, frames) = (processor_time(pid), viewers.frames());
    viewers.watch_gaps();
    tokio::time::sleep(WINDOW).await;
    let (time, frames) = (processor_time(pid).saturating_sub(time), viewers.frames() - frames);
    let memory = resident_memory(pid);
    viewers.stop_watching_gaps();
    (time.as_secs_f64() / frames, memory, viewers)
}
