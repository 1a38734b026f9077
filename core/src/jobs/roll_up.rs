//! Rolls beats up: reads them once, and keeps what questions about the past need. While it is behind, as after an upgrade or
//! an import, it reads the oldest ones first. When it is not, it deletes those that are older than the retention.

use std::time::Duration;

use time::Duration as Length;
use tokio::time::Instant;

use crate::{
    Error,
    database::{
        Connection, SharedSession, published, retention,
        roll_up::{self, RolledUp},
    },
    retention::Retention,
};

/// How far behind it may be for its work to be done in a moment.
const QUICK_LENGTH: Length = Length::minutes(5);

/// Timeout of that.
const QUICK_TIMEOUT: Duration = Duration::from_secs(2);

/// The first and the longest time of which beats are read together. Where there are few, time goes by faster.
const LENGTH: (Length, Length) = (Length::DAY, Length::days(32));

/// Beats that are read together: a few tenths of a second.
const BEATS: std::ops::Range<i64> = 50_000..200_000;

/// Time between the timeout of a statement and that of the session, for the error to arrive.
const STATEMENT_MARGIN: Duration = Duration::from_millis(500);

/// Interval of log lines about its progress.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Rolls beats up, by itself or beside other processes.
#[derive(Debug, Clone)]
pub struct RollUp {
    quick: SharedSession,
    slow: SharedSession,
    retention: Option<Retention>,
}

impl RollUp {
    /// Reads the latest beats through one session, and all that have piled up, which may take long, through another. That one
    /// is closed afterwards: it is seldom needed.
    #[must_use]
    pub fn new(quick: SharedSession, slow: SharedSession, retention: Option<Retention>) -> Self {
        Self { quick, slow, retention }
    }

    /// Works until nothing is left, or until `until` has come. A failure is logged where it happens, and tried again the
    /// next time.
    pub async fn run(&self, until: Instant) {
        let quickly = Instant::now() + QUICK_TIMEOUT;
        let Ok(behind) = self.quick.run(quickly, roll_up::behind).await else { return };
        if behind.is_some_and(|behind| behind <= QUICK_LENGTH) {
            let roll = async |connection: &mut Connection| roll_up::roll(connection, QUICK_LENGTH).await;
            // The session has logged an error where it happened.
            let _ = self.quick.run(quickly, roll).await;
            let _ = self.delete_old_beats(until).await;
            return;
        }
        let _ = self.catch_up(until).await;
        self.slow.close();
    }

    /// Deletes rows that are older than the retention, a day at a time.
    async fn delete_old_beats(&self, until: Instant) -> Result<(), Error> {
        let Some(retention) = self.retention else { return Ok(()) };
        let (mut days, mut beats) = (0, 0);
        while Instant::now() < until {
            let timeout = Instant::now() + QUICK_TIMEOUT;
            let delete =
                async |connection: &mut Connection| retention::delete_day(connection, retention).await;
            let Some(deleted) = self.quick.run(timeout, delete).await? else { break };
            days += 1;
            beats += deleted.beats;
        }
        if days > 0 {
            tracing::info!(job = "retention", days, beats, "old beats were deleted");
        }
        Ok(())
    }

    /// Reads slices until it has caught up.
    async fn catch_up(&self, until: Instant) -> Result<(), Error> {
        let (mut length, mut total, mut logged_at) = (LENGTH.0, 0, Instant::now());
        while Instant::now() < until {
            let Some(rolled_up) = self.slice(length, until).await? else { return Ok(()) };
            total += rolled_up.beats;
            if rolled_up.behind() <= QUICK_LENGTH {
                if total > 0 {
                    tracing::info!(job = "roll_up", beats = total, "job done");
                }
                return Ok(());
            }
            if logged_at.elapsed() >= LOG_INTERVAL {
                tracing::info!(job = "roll_up", beats = total, until = %rolled_up.until, "older beats are being read");
                logged_at = Instant::now();
            }
            length = next_length(length, rolled_up.beats);
        }
        Ok(())
    }

    async fn slice(&self, length: Length, until: Instant) -> Result<Option<RolledUp>, Error> {
        let timeout = until.saturating_duration_since(Instant::now()).saturating_sub(STATEMENT_MARGIN);
        let roll = async |connection: &mut Connection| {
            published::allow(connection, timeout).await?;
            roll_up::roll(connection, length).await
        };
        self.slow.run(until, roll).await
    }
}

/// Returns the time of which beats are to be read next, if there were so many in the last one.
fn next_length(length: Length, beats: i64) -> Length {
    if beats < BEATS.start {
        LENGTH.1.min(length * 2)
    } else if beats > BEATS.end {
        Length::MINUTE.max(length / 2)
    } else {
        length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_hold_about_as_many_beats_however_many_there_are_in_a_day() {
        for beats_a_day in [1_000_i64, 1_440_000, 100_000_000] {
            let mut length = LENGTH.0;
            for _ in 0..20 {
                length = next_length(length, length.whole_seconds() * beats_a_day / 86_400);
            }
            let beats = length.whole_seconds() * beats_a_day / 86_400;
            assert!(BEATS.contains(&beats) || length == LENGTH.1, "{length}: {beats}");
        }
    }
}
