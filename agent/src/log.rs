//! What the agent says: lines on standard output and standard error. Where nothing reads them any more, such as a
//! terminal that was closed, they are lost, and the agent goes on.

use std::io::{Write, stderr, stdout};

use crate::{clock::Moment, reason::local_time};

/// Prints a line of a command's result.
pub(crate) fn print(line: &str) {
    let _ = writeln!(stdout(), "{line}");
}

/// Prints a line about something that went wrong.
pub(crate) fn error(line: &str) {
    let _ = writeln!(stderr(), "heartbeat-agent: {line}");
}

/// Logs what the running agent sees or does. systemd's journal notes the time by itself.
pub(crate) fn log(line: &str) {
    let _ = match std::env::var_os("JOURNAL_STREAM") {
        Some(_) => writeln!(stderr(), "{line}"),
        None => writeln!(stderr(), "{} {line}", local_time(Moment::now().unix)),
    };
}
