//! Absences of more than an hour, as lists show them.

use time::{Duration, OffsetDateTime};

/// An absence of more than an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Absence {
    /// The last beat before it.
    pub started_at: OffsetDateTime,
    /// The beat that ended it; `None` while it goes on.
    pub ended_at: Option<OffsetDateTime>,
    /// Id of the device of that beat, which may be hidden.
    pub ended_by: Option<i64>,
}

impl Absence {
    /// Returns how long it was, or is at `now`.
    #[must_use]
    pub fn length(&self, now: OffsetDateTime) -> Duration {
        self.ended_at.unwrap_or(now) - self.started_at
    }
}

/// In which order absences are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Order {
    /// Those that ended last first.
    #[default]
    Latest,
    /// The longest first.
    Longest,
}

impl Order {
    /// Parses a name. Fails with the names that there are.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "latest" => Ok(Self::Latest),
            "longest" => Ok(Self::Longest),
            _ => Err("latest or longest"),
        }
    }
}

/// Which absences are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Asked {
    /// Their order.
    pub order: Order,
    /// How many.
    pub limit: u16,
    /// Id of the last one that is known; `None` for the first ones. It is no time, as strangers may know of none that is exact.
    pub before: Option<i64>,
}

impl Asked {
    /// Rows to ask the database for: one more than are wanted tells whether there are more.
    pub(crate) fn rows_to_fetch(self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// Makes a page of the rows that were fetched.
    pub(crate) fn page(self, mut rows: Vec<(i64, Absence)>) -> AbsencePage {
        let limit = usize::from(self.limit);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|(id, _)| *id);
        AbsencePage { absences: rows.into_iter().map(|(_, absence)| absence).collect(), next }
    }
}

/// Absences in the order that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbsencePage {
    /// At most as many as were asked for.
    pub absences: Vec<Absence>,
    /// What [`Asked::before`] is for the next page; `None` on the last one.
    pub next: Option<i64>,
}
