//! One line of an export.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// Version of the format that is written. All versions up to it are read.
pub(super) const VERSION: u32 = 1;

/// One line, from the first to the last. Times are those of RFC 3339, to the microsecond.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Line<'a> {
    /// What this is. The first line.
    HeartbeatExport { version: u32 },
    /// The figures of the whole service. There is one such line.
    Stats {
        total_visits: i64,
        #[serde(with = "time::serde::rfc3339")]
        server_start_time: OffsetDateTime,
        longest_absence_microseconds: i64,
    },
    /// A device.
    Device {
        id: i64,
        #[serde(borrow)]
        name: Option<Cow<'a, str>>,
        /// SHA-256 of its token, in hexadecimal digits.
        #[serde(borrow)]
        token_hash: Cow<'a, str>,
    },
    /// An absence of more than an hour that has ended.
    Absence {
        ended_by: i64,
        #[serde(with = "time::serde::rfc3339")]
        started_at: OffsetDateTime,
        #[serde(with = "time::serde::rfc3339")]
        ended_at: OffsetDateTime,
    },
    /// A beat.
    Beat {
        device: i64,
        #[serde(with = "time::serde::rfc3339")]
        time_stamp: OffsetDateTime,
    },
    /// How many lines of each kind there are. The last line.
    End(Count),
}

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Devices.
    pub devices: i64,
    /// Absences of more than an hour that have ended.
    pub absences: i64,
    /// Beats.
    pub beats: i64,
}
