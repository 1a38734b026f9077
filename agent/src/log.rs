//! What the agent says: lines on standard output and standard error, or in a file. Where nothing reads them any more, such
//! as a terminal that was closed, they are lost, and the agent goes on.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write, stderr, stdout},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use crate::{clock::Moment, files, reason::local_time};

/// Size from which on the file is put aside and a new one begun: the log of a month or more. The one put aside before
/// goes.
const LOG_MAX_BYTES: u64 = 256 * 1024;

/// File that the log goes to, instead of standard error.
static FILE: OnceLock<PathBuf> = OnceLock::new();

/// Logs to the file at `path` from now on.
pub(crate) fn to_file(path: PathBuf) {
    let _ = FILE.set(path);
}

/// Prints a line of a command's result.
pub(crate) fn print(line: &str) {
    let _ = writeln!(stdout(), "{line}");
}

/// Prints a line about something that went wrong.
pub(crate) fn error(line: &str) {
    if FILE.get().is_some() {
        log(line);
    } else {
        let _ = writeln!(stderr(), "heartbeat-agent: {line}");
    }
}

/// Logs what the running agent sees or does. systemd's journal notes the time by itself.
pub(crate) fn log(line: &str) {
    let time = local_time(Moment::now().unix);
    if let Some(path) = FILE.get() {
        let _ = append(path, &format!("{time} {line}\n"), LOG_MAX_BYTES);
    } else if std::env::var_os("JOURNAL_STREAM").is_some() {
        let _ = writeln!(stderr(), "{line}");
    } else {
        let _ = writeln!(stderr(), "{time} {line}");
    }
}

/// Appends `text` to the file at `path`, which is put aside before if it has `max_bytes`.
fn append(path: &Path, text: &str, max_bytes: u64) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|metadata| metadata.len() >= max_bytes) {
        fs::rename(path, path.with_extension("old"))?;
    }
    files::create_private_folder(path)?;
    files::private_file(OpenOptions::new().append(true).create(true), path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_file_is_bounded_and_keeps_what_came_last() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("agent.log");
        for line in 0..10 {
            append(&path, &format!("line {line}\n"), 21).expect("a line");
        }
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("a log");
        assert_eq!(read("agent.old"), "line 6\nline 7\nline 8\n");
        assert_eq!(read("agent.log"), "line 9\n");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2);
    }
}
