//! What the agent says: lines on standard output and standard error.

use crate::{clock::Moment, reason::local_time};

/// Prints a line of a command's result.
#[expect(clippy::print_stdout, reason = "output of a command-line program")]
pub(crate) fn print(line: &str) {
    println!("{line}");
}

/// Prints a line about something that went wrong.
#[expect(clippy::print_stderr, reason = "output of a command-line program")]
pub(crate) fn error(line: &str) {
    eprintln!("heartbeat-agent: {line}");
}

/// Logs what the running agent sees or does. systemd's journal notes the time by itself.
#[expect(clippy::print_stderr, reason = "the log of a command-line program")]
pub(crate) fn log(line: &str) {
    if std::env::var_os("JOURNAL_STREAM").is_some() {
        eprintln!("{line}");
    } else {
        eprintln!("{} {line}", local_time(Moment::now().unix));
    }
}
