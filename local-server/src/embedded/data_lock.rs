//! The lock on the data, which the database's processes inherit and so hold as long as one of them lives.
//!
//! Process ids mean nothing in another container, and tell little after a crash; the lock does: it keeps the data of a
//! database that runs there, or of a set-up that a killed Heartbeat left at work, from being opened twice.

use std::{
    fs::{File, TryLockError},
    path::Path,
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::EmbeddedError;

/// Poll interval of the lock, whose release nothing tells.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Locks `data`, waiting for processes that end. The file is beside the data, not in it: there the database's user could
/// put a link to a file that root would then write to.
pub(super) async fn lock(data: &Path, timeout: Duration) -> Result<File, EmbeddedError> {
    let path = data.with_extension("running.lock");
    let file = File::create(&path).map_err(EmbeddedError::file(&path))?;
    let deadline = Instant::now() + timeout;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(POLL_INTERVAL).await,
            Err(TryLockError::WouldBlock) => return Err(EmbeddedError::RunsElsewhere(data.to_owned())),
            Err(TryLockError::Error(error)) => return Err(EmbeddedError::File { path, error }),
        }
    }
}
