//! Starting with the session: what `install` writes and `uninstall` removes, in the platform's own places. Each platform
//! has a file here, with the two functions of the same names.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(any(target_os = "macos", test))]
mod plist;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
pub(crate) use linux::{install, uninstall};
#[cfg(target_os = "macos")]
pub(crate) use macos::{install, uninstall};
#[cfg(windows)]
pub(crate) use windows::{install, uninstall};

use std::{io, path::PathBuf};

use crate::paths::NoHome;

/// Reason why the agent could not be installed or uninstalled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AutostartError {
    /// A file could not be written or removed.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    /// No folder to keep files in.
    #[error(transparent)]
    Home(#[from] NoHome),
    /// The program does not know where it is.
    #[error("the system does not say where this program is: {0}")]
    Program(io::Error),
    /// The program is where no configuration can name it.
    #[cfg(target_os = "linux")]
    #[error("{0:?}: move the program to a folder whose path is UTF-8 without control characters")]
    UnusablePath(PathBuf),
    /// systemd refused.
    #[cfg(target_os = "linux")]
    #[error("systemctl --user {0}: {1}")]
    Systemctl(String, String),
    /// The agent ended at once.
    #[cfg(target_os = "linux")]
    #[error("the agent was started, but does not run; this says why: {0}")]
    NotRunning(String),
    /// A part of the agent is not beside it.
    #[cfg(windows)]
    #[error("{0}: not found; unpack the whole archive into a folder where it can stay")]
    Missing(PathBuf),
    /// The system refused.
    #[cfg(any(windows, target_os = "macos"))]
    #[error("{0}: {1}")]
    Command(String, io::Error),
}

/// Path of this program, which is what starts with the session.
#[cfg(any(windows, target_os = "macos"))]
fn program() -> Result<PathBuf, AutostartError> {
    std::env::current_exe().map_err(AutostartError::Program)
}
