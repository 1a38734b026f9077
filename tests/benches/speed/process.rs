//! Memory and processor time of a process (proc(5)).

use std::{fs, time::Duration};

use rustix::process::Pid;

/// Resident memory of a process, in bytes.
pub(crate) fn resident_memory(pid: Pid) -> u64 {
    let status = read(pid, "status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

/// Processor time of a process so far, user and system.
pub(crate) fn processor_time(pid: Pid) -> Duration {
    let stat = read(pid, "stat");
    // The second field, the program's name, may hold anything, but ends with the last parenthesis.
    let fields = stat.rsplit_once(')').expect("a name").1;
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).map(|it| it.parse::<u64>().expect("ticks")).sum();
    Duration::from_secs_f64(seconds(ticks))
}

#[expect(clippy::cast_precision_loss, reason = "hundredths of a second")]
fn seconds(ticks: u64) -> f64 {
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

fn read(pid: Pid, file: &str) -> String {
    fs::read_to_string(format!("/proc/{}/{file}", pid.as_raw_nonzero())).expect("a running process")
}
