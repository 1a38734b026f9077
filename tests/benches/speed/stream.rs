//! The stream with thousands of viewers, compared with a write of the same bytes to each of them.

pub(crate) mod viewers;

use std::time::Duration;

use heartbeat_tests::{Database, Server, ServerBuilder};
use rustix::process::Pid;

use crate::{
    beats::{self, MANY_DEVICES},
    limits::Limit,
    process::{processor_time, resident_memory},
    table::{Table, Target},
};
use viewers::{Frames, Viewers};

/// Number of viewers when processor time is measured.
const VIEWERS: usize = 5_000;

/// Number of viewers when jitter is measured.
const JITTER_VIEWERS: usize = 10_000;

const WARM_UP_TIME: Duration = Duration::from_secs(3);
const MEASUREMENT_TIME: Duration = Duration::from_secs(10);

pub(crate) async fn measure(table: &mut Table) {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).without_shares().start().await;
    for (devices, added) in [("1 device", 1), ("1,000 devices", MANY_DEVICES - 1)] {
        beats::devices(&server, added).await;
        table.heading(&format!("stream, {devices}, processor time a frame"), "bare write");
        let frame = server.stranger().get("/api/stats").await.bytes.len();
        let before = resident_memory(server.pid());
        let (ours, memory, _) = watch(server.port(), server.pid(), VIEWERS, Frames::EachSecond).await;
        let writer = Limit::start("writer", frame + viewers::header_length(frame)).await;
        let (bare, ..) = watch(writer.port, writer.pid(), VIEWERS, Frames::Bytes).await;
        table.ratio(&format!("5,000 viewers, {devices}"), "µs", ours * 1e6, bare * 1e6, Target::AtMost(2.0));
        #[expect(clippy::cast_precision_loss, reason = "kilobytes")]
        let each = memory.saturating_sub(before) as f64 / VIEWERS as f64 / 1024.0;
        let target = if added == 1 { Target::AtMost(20.0) } else { Target::None };
        table.value(&format!("memory of a viewer, {devices}"), "KB", each, target);
        if added == 1 {
            points(table, VIEWERS, ours, memory);
            frame_jitter(table, &server).await;
        }
    }
}

/// Measures the jitter: how far the interval between two frames is off a second.
async fn frame_jitter(table: &mut Table, server: &Server) {
    let (frame, memory, viewers) =
        watch(server.port(), server.pid(), JITTER_VIEWERS, Frames::EachSecond).await;
    points(table, JITTER_VIEWERS, frame, memory);
    let jitter = viewers.max_jitter().as_secs_f64() * 1e3;
    table.value("10,000 viewers: maximum jitter of frames", "ms", jitter, Target::AtMost(100.0));
}

/// Adds points to the curves, from the processor time of a frame in seconds, of which each viewer gets one a second, and the
/// memory in bytes.
#[expect(clippy::cast_precision_loss, reason = "megabytes")]
fn points(table: &mut Table, viewers: usize, frame: f64, memory: u64) {
    let line = "a frame a second";
    table.point("viewers-processor", line, viewers as f64, 100.0 * frame * viewers as f64);
    table.point("viewers-memory", line, viewers as f64, memory as f64 / 1e6);
}

/// Connects viewers; returns the processor time of a frame in seconds, the memory at the end, and the viewers.
async fn watch(port: u16, pid: Pid, number: usize, asked: Frames) -> (f64, u64, Viewers) {
    let viewers = Viewers::connect(port, number, asked).await;
    tokio::time::sleep(WARM_UP_TIME).await;
    let (time, frames) = (processor_time(pid), viewers.frames());
    viewers.start_recording_jitter();
    tokio::time::sleep(MEASUREMENT_TIME).await;
    let (time, frames) = (processor_time(pid).saturating_sub(time), viewers.frames() - frames);
    let memory = resident_memory(pid);
    viewers.stop_recording_jitter();
    (time.as_secs_f64() / frames, memory, viewers)
}
