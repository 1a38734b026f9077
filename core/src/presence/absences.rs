//! Absences of more than an hour, as lists show them.

use std::{fmt, str::FromStr};

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
    /// The last one that is known; `None` for the first ones.
    pub before: Option<Cursor>,
}

impl Asked {
    /// Rows to ask the database for: one more than are wanted tells whether there are more.
    pub(crate) fn rows_to_fetch(self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// Makes a page of the rows that were fetched.
    pub(crate) fn page(self, mut rows: Vec<(Cursor, Absence)>) -> AbsencePage {
        let limit = usize::from(self.limit);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|(cursor, _)| *cursor);
        AbsencePage { absences: rows.into_iter().map(|(_, absence)| absence).collect(), next }
    }
}

/// Where a list of absences goes on: what it is ordered by, and the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// End or length, in microseconds.
    pub(crate) key: i64,
    pub(crate) id: i64,
}

impl Cursor {
    /// Before all absences. The largest interval and time that PostgreSQL has are longer; nothing is read of such.
    pub(crate) const FIRST: Self = Self { key: 1 << 60, id: i64::MAX };
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.key, self.id)
    }
}

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let expected = "what \"next\" was in an earlier answer";
        let (key, id) = text.split_once('-').ok_or(expected)?;
        let number = |text: &str| text.parse().ok().filter(|number| (0..=Self::FIRST.key).contains(number));
        Ok(Self { key: number(key).ok_or(expected)?, id: number(id).ok_or(expected)? })
    }
}

/// Absences in the order that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbsencePage {
    /// At most as many as were asked for.
    pub absences: Vec<Absence>,
    /// Where the next page goes on; `None` on the last one.
    pub next: Option<Cursor>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        let cursor = Cursor { key: 7, id: 12 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "-", "7", "7-", "-7-1", "7--1", "x-1", "99999999999999999999-1"] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }
}
