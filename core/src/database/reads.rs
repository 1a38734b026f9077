//! The session for queries that no beat may wait for: refreshing the stats, and lists such as history. It is
//! opened lazily, has a timeout of its own, and pages through long lists.

use std::time::Duration;

use tokio::time::Instant;

use super::{Connection, SharedSession};
use crate::Error;

/// Timeout of a read, waiting for the session included.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs queries that only read.
#[derive(Debug, Clone)]
pub struct Reads(SharedSession);

impl Reads {
    /// Reads through `session`.
    #[must_use]
    pub fn new(session: SharedSession) -> Self {
        Self(session)
    }

    /// Returns the session, for statements that need not wait for others than reads.
    #[must_use]
    pub fn session(&self) -> SharedSession {
        self.0.clone()
    }

    /// Runs `query`. Fails with [`Error::Unavailable`] after the read timeout.
    pub async fn run<T>(
        &self,
        query: impl AsyncFnOnce(&mut Connection) -> Result<T, sqlx::Error> + Clone,
    ) -> Result<T, Error> {
        self.0.run(Instant::now() + READ_TIMEOUT, query).await
    }
}

/// Rows of a list, newest first, and where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// At most as many rows as [`Paging::limit`] says.
    pub rows: Vec<T>,
    /// Id to pass as [`Paging::before`] for the next page; `None` on the last one.
    pub next: Option<i64>,
}

/// Which page of a list to read: keyset pagination, so that a page costs the same however far back it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// Only rows with a lower id.
    pub before: Option<i64>,
    /// Rows on the page.
    pub limit: u16,
}

impl Paging {
    /// Rows to ask the database for: one more than the page holds tells whether there is a next page.
    #[must_use]
    pub fn rows_to_fetch(self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// Makes a page of the rows that were fetched, of which `id` returns the id.
    pub fn page<T>(self, mut rows: Vec<T>, id: impl Fn(&T) -> i64) -> Page<T> {
        let limit = usize::from(self.limit);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(id);
        Page { rows, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The newest ids below `before`, as a query would return them.
    fn fetch(paging: Paging) -> Vec<i64> {
        let ids = (1..=5).rev().filter(|id| paging.before.is_none_or(|before| *id < before));
        ids.take(usize::try_from(paging.rows_to_fetch()).expect("small")).collect()
    }

    #[test]
    fn pages_follow_each_other_without_gaps_and_end() {
        let mut pages = Vec::new();
        let mut paging = Paging { before: None, limit: 2 };
        loop {
            let page = paging.page(fetch(paging), |id| *id);
            pages.push(page.rows);
            match page.next {
                Some(before) => paging.before = Some(before),
                None => break,
            }
        }
        assert_eq!(pages, [vec![5, 4], vec![3, 2], vec![1]]);
    }

    #[test]
    fn a_last_page_that_is_full_has_no_next() {
        let paging = Paging { before: None, limit: 5 };
        assert_eq!(paging.page(fetch(paging), |id| *id), Page { rows: vec![5, 4, 3, 2, 1], next: None });
    }
}
