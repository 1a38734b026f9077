//! Benchmark: how close Heartbeat comes to the limits of this machine. Run it with `make bench`.
//!
//! Machines differ, and the same machine differs from minute to minute. So results are ratios of two
//! measurements that alternate within one run: Heartbeat, and a limit, the least work of that kind that is possible.
//!
//! - [`load`]: load over HTTP, with throughput and latency.
//! - [`limits`]: the limits: a route with a constant response, a bare commit, a bare write.
//! - [`table`]: the table of results, printed and stored.
//! - [`curves`]: pictures of how results grow.
//! - [`start`], [`beats`], [`devices`], [`far`], [`history`], [`reads`], [`stream`], [`lookers`], [`memory`], [`lambda`], [`crowd`]:
//!   the parts, one for each kind of work.
//!
//! Arguments name the parts to run (`make bench B="beats reads"`); without any, all of them run. `curves` runs none, and
//! draws the pictures again.

mod beats;
mod crowd;
mod curves;
mod devices;
mod far;
mod history;
mod lambda;
mod limits;
mod load;
mod lookers;
mod memory;
mod process;
mod reads;
mod start;
mod stream;
mod table;

use std::path::{Path, PathBuf};

use table::Table;

/// Parts, in the order in which they run.
const PARTS: [&str; 11] = [
    "start", "beats", "devices", "far", "history", "reads", "stream", "lookers", "memory", "lambda", "crowd",
];

#[tokio::main]
async fn main() {
    // Cargo adds its own flag.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    if let Some((limit, numbers)) =
        arguments.split_first().filter(|(first, _)| limits::NAMES.contains(&first.as_str()))
    {
        return limits::serve(limit, numbers).await;
    }
    let parts: Vec<&str> =
        if arguments.is_empty() { PARTS.to_vec() } else { arguments.iter().map(String::as_str).collect() };
    let file = results_file();
    let mut table = Table::compared_with(&file);
    for part in parts {
        match part {
            "beats" => beats::measure(&mut table).await,
            "devices" => devices::measure(&mut table).await,
            "far" => far::measure(&mut table).await,
            "history" => history::measure(&mut table).await,
            "reads" => reads::measure(&mut table).await,
            "stream" => stream::measure(&mut table).await,
            "lookers" => lookers::measure(&mut table).await,
            "memory" => memory::measure(&mut table).await,
            "start" => start::measure(&mut table).await,
            "lambda" => lambda::measure(&mut table).await,
            "crowd" => crowd::measure(&mut table).await,
            // Only the pictures, from the results of former runs.
            "curves" => {}
            other => panic!("there is no part {other}; the parts are {}", PARTS.join(", ")),
        }
    }
    let points = table.write(&file);
    curves::draw(&points, &target());
}

/// Results of this run, for comparison with the next one: `target/bench.json`.
fn results_file() -> PathBuf {
    target().join("bench.json")
}

/// Cargo's target folder: this program is in `target/<profile>/deps`.
fn target() -> PathBuf {
    let program = std::env::current_exe().expect("the path of this program");
    program.ancestors().nth(3).map(Path::to_owned).expect("target/<profile>/deps")
}
