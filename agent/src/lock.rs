//! The lock that the running agent of a user holds, with its process id in it. The system releases it when the process
//! ends, however it ends.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Write},
    path::Path,
    thread,
    time::Duration,
};

use crate::files;

/// Delay between two attempts to take the lock.
const ATTEMPT_DELAY: Duration = Duration::from_millis(20);

/// Attempts of an agent that starts: commands that ask whether one runs share the lock for an instant.
const START_ATTEMPTS: u32 = 10;

/// Attempts after the agent was told to stop: two seconds. It ends at once, unless the machine is very busy.
#[cfg(unix)]
const STOP_ATTEMPTS: u32 = 100;

/// Lock that one running agent holds.
#[derive(Debug)]
pub(crate) struct RunningLock {
    _file: File,
}

impl RunningLock {
    /// Takes the lock; returns `None` while another agent holds it.
    pub(crate) fn take(path: &Path) -> io::Result<Option<Self>> {
        Self::attempt(path, START_ATTEMPTS)
    }

    /// Takes the lock, if need be from another agent, which is stopped; returns `None` if it cannot be.
    #[cfg(unix)]
    pub(crate) fn take_over(path: &Path) -> io::Result<Option<Self>> {
        if let Some(lock) = Self::take(path)? {
            return Ok(Some(lock));
        }
        terminate(path)?;
        Self::attempt(path, STOP_ATTEMPTS)
    }

    /// As [`Self::take`]: on this platform nothing starts a second agent.
    #[cfg(not(unix))]
    pub(crate) fn take_over(path: &Path) -> io::Result<Option<Self>> {
        Self::take(path)
    }

    fn attempt(path: &Path, attempts: u32) -> io::Result<Option<Self>> {
        files::create_private_folder(path)?;
        for _ in 0..attempts {
            let mut file =
                files::private_file(OpenOptions::new().write(true).create(true).truncate(false), path)?;
            if is_taken(file.try_lock())? {
                file.set_len(0)?;
                file.write_all(std::process::id().to_string().as_bytes())?;
                return Ok(Some(Self { _file: file }));
            }
            thread::sleep(ATTEMPT_DELAY);
        }
        Ok(None)
    }
}

/// Whether an agent runs.
pub(crate) fn is_held(path: &Path) -> io::Result<bool> {
    match File::open(path) {
        // Shared, so that two commands that ask do not take each other for an agent.
        Ok(file) => Ok(!is_taken(file.try_lock_shared())?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Process id of the agent that runs.
#[cfg(unix)]
pub(crate) fn holder(path: &Path) -> io::Result<Option<u32>> {
    let mut before = None;
    // An agent that has just taken the lock writes its id in the next moment. Until then, that of the one before is there.
    for _ in 0..START_ATTEMPTS {
        if !is_held(path)? {
            return Ok(None);
        }
        let id = std::fs::read_to_string(path)?.parse().ok();
        if id.is_some() && id == before {
            return Ok(id);
        }
        before = id;
        thread::sleep(ATTEMPT_DELAY);
    }
    Ok(None)
}

/// Stops the agent; returns whether one ran.
#[cfg(target_os = "linux")]
pub(crate) fn stop(path: &Path) -> io::Result<bool> {
    if !terminate(path)? {
        return Ok(false);
    }
    wait_for_end(path)?;
    Ok(true)
}

/// Waits until an agent that was told to stop has ended.
#[cfg(unix)]
pub(crate) fn wait_for_end(path: &Path) -> io::Result<()> {
    for _ in 0..STOP_ATTEMPTS {
        if !is_held(path)? {
            return Ok(());
        }
        thread::sleep(ATTEMPT_DELAY);
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "the agent that holds this lock does not stop"))
}

/// Tells the agent to stop, if one runs. The id is that of a living agent: who holds the lock wrote it.
#[cfg(unix)]
fn terminate(path: &Path) -> io::Result<bool> {
    use rustix::process::{Pid, Signal, kill_process};

    let pid = holder(path)?.and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    let Some(pid) = pid else { return Ok(false) };
    match kill_process(pid, Signal::TERM) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn is_taken(attempt: Result<(), TryLockError>) -> io::Result<bool> {
    match attempt {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
