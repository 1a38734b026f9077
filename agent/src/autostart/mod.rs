//! Starting with the session: what `install` writes and `uninstall` removes, in the platform's own places. Each platform
//! has a file here, with the two functions of the same names.

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
pub(crate) use linux::{install, uninstall};

use std::{io, path::PathBuf};

/// Reason why the agent could not be installed or uninstalled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AutostartError {
    /// A file could not be written or removed.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
}
