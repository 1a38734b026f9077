//! Statements of the roll-up, which reads each row of `beats` once and keeps what questions about the past need: presence,
//! the absences of each device that are ten minutes and longer, and those of all together that are longer than an hour. Most of the
//! latter were noted by the beats that ended them, but not those of beats that were moved in.

use time::{Duration, OffsetDateTime};

use super::connection::Connection;
use crate::{alert::AFTER_MIN, notify::event::LONG_ABSENCE};

/// Seconds for which a beat may have waited for its commit: a statement takes two at most. Younger ones are left for later.
const COMMIT_DELAY_MAX: f64 = 60.0;

/// How far beats were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RolledUp {
    /// Time up to which they were.
    pub until: OffsetDateTime,
    /// Time up to which they may be.
    pub ready_until: OffsetDateTime,
    /// How many were read just now.
    pub beats: i64,
}

impl RolledUp {
    /// Returns the time between that of beats that were read and that of beats that may be.
    #[must_use]
    pub fn behind(&self) -> Duration {
        self.ready_until - self.until
    }
}

/// Returns the time that the roll-up is behind; `None` if it has not begun, or has to begin again.
pub async fn behind(connection: &mut Connection) -> Result<Option<Duration>, sqlx::Error> {
    let seconds = sqlx::query_scalar!(
        r#"
        SELECT GREATEST(extract(epoch FROM now() - rolled_until)::double precision - $1, 0) AS "seconds!"
        FROM heartbeat.roll_up
        WHERE rolled_until BETWEEN 'epoch' AND now()
        "#,
        COMMIT_DELAY_MAX,
    )
    .fetch_optional(connection)
    .await?;
    Ok(seconds.map(Duration::seconds_f64))
}

/// Reads the next beats, those of `length` at most. `None` if another process is at it. Nothing that it locks is touched by a
/// beat.
///
/// Where the clock was set back, beats may have come at times that were read already. That is rare, so everything is read
/// again.
pub async fn roll(connection: &mut Connection, length: Duration) -> Result<Option<RolledUp>, sqlx::Error> {
    connection.ensure_transaction().await?;
    let claimed = sqlx::query!(
        r#"
        SELECT
            CASE WHEN rolled_until BETWEEN 'epoch' AND now() THEN rolled_until END AS rolled_until,
            now() - make_interval(secs => $1) AS "ready_until!"
        FROM heartbeat.roll_up
        FOR UPDATE SKIP LOCKED
        "#,
        COMMIT_DELAY_MAX,
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(claimed) = claimed else { return Ok(None) };
    let ready_until = claimed.ready_until;
    forget_erased_devices(connection).await?;
    let from = match claimed.rolled_until {
        Some(rolled_until) => rolled_until,
        None => start_over(connection, ready_until).await?,
    };
    let until = from.saturating_add(length).min(ready_until);
    // After the clock was set back a little, nothing is to be read for a moment.
    let beats = if from <= until { slice(connection, from, until).await? } else { 0 };
    Ok(Some(RolledUp { until: until.max(from), ready_until, beats }))
}

/// Forgets devices that were erased since, without whom the presence of all together is worked out again. Erasing one
/// does not do it: it would wait for beats that are being read.
async fn forget_erased_devices(connection: &mut Connection) -> Result<(), sqlx::Error> {
    sqlx::query_file!("src/database/roll_up/forget_erased_devices.sql").execute(connection).await.map(drop)
}

/// Forgets everything that beats still tell, and returns the moment before the first of them. A beat that an import has given no
/// time has none here, either.
async fn start_over(
    connection: &mut Connection,
    ready_until: OffsetDateTime,
) -> Result<OffsetDateTime, sqlx::Error> {
    reset(connection).await?;
    let oldest = sqlx::query_scalar!(
        "
        SELECT min(time_stamp) - interval '1 microsecond' FROM heartbeat.beats
        WHERE time_stamp > 'epoch'
          AND time_stamp >= (SELECT retained_from FROM heartbeat.roll_up)
          AND time_stamp <= $1
        ",
        ready_until,
    )
    .fetch_one(connection)
    .await?;
    Ok(oldest.unwrap_or(ready_until))
}

/// Forgets everything that beats still tell, so that they are read again. What is left of beats that were deleted stays.
pub async fn reset(connection: &mut Connection) -> Result<(), sqlx::Error> {
    sqlx::query_file!("src/database/roll_up/reset.sql").execute(connection).await.map(drop)
}

/// Reads the beats after `from` and up to `until`, and returns how many they are.
async fn slice(
    connection: &mut Connection,
    from: OffsetDateTime,
    until: OffsetDateTime,
) -> Result<i64, sqlx::Error> {
    let shortest = Duration::seconds(AFTER_MIN.seconds()).as_seconds_f64();
    sqlx::query_file_scalar!(
        "src/database/roll_up/slice.sql",
        from,
        until,
        shortest,
        LONG_ABSENCE.as_seconds_f64(),
    )
    .fetch_one(connection)
    .await
}
