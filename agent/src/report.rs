//! What the running agent last saw: it writes, `status` reads.

use std::{fs, io, path::Path, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    files::{self, Durability},
    reason::{Due, Usage},
    session::SessionState,
    sources::Rejected,
};

/// One look of the agent at everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Process id of the agent.
    pub(crate) pid: u32,
    /// Unix time of this look.
    pub(crate) at: i64,
    /// Server that it beats at.
    pub(crate) url: String,
    /// Source of input that was taken.
    pub(crate) source: Option<String>,
    /// Better sources, and why each was not taken.
    pub(crate) rejected: Vec<Rejected>,
    /// Session around it.
    pub(crate) session: SessionState,
    /// Whether the device is used.
    pub(crate) usage: Usage,
    /// When the next beat is due, if the device is used then.
    pub(crate) next_beat: Due,
    /// Last answer of the server.
    pub(crate) last_answer: Option<LastAnswer>,
    /// Unix time of the last beat that the server recorded.
    pub(crate) last_beat: Option<i64>,
}

/// Last answer of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastAnswer {
    /// Unix time.
    pub(crate) at: i64,
    /// Answer as a sentence.
    pub(crate) text: String,
}

impl Report {
    /// Writes the report.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        files::write_private(path, &serde_json::to_string(self)?, Durability::Transient)
    }

    /// Reads the report, if there is one.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
    }

    /// Time since, at Unix time `now`.
    pub(crate) fn age(&self, now: i64) -> Duration {
        Duration::from_secs(u64::try_from(now - self.at).unwrap_or(0))
    }
}
