//! Statements that delete old rows of `beats`, a day of UTC at a time. Presence, absences, counts and records stay.

use time::OffsetDateTime;

use super::connection::Connection;
use crate::retention::Retention;

/// A day whose rows were deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeletedDay {
    /// How many there were.
    pub beats: i64,
}

/// Deletes the rows of the first day that is old enough and was rolled up. `None` if there is no such day, or another process is at
/// it. A beat waits for none of it: it touches rows that no beat does.
pub async fn delete_day(
    connection: &mut Connection,
    retention: Retention,
) -> Result<Option<DeletedDay>, sqlx::Error> {
    connection.ensure_transaction().await?;
    let next = sqlx::query_scalar!(
        r#"
        SELECT (
            SELECT min(day)::timestamp AT TIME ZONE 'UTC'
            FROM heartbeat.presence
            WHERE device = -1
              AND day >= CASE
                  WHEN isfinite(rolled.retained_from) THEN (rolled.retained_from AT TIME ZONE 'UTC')::date
                  ELSE '-infinity'
              END
              -- All of the day was rolled up, and is old enough.
              AND day < (LEAST(rolled.rolled_until, now() - make_interval(days => $1)) AT TIME ZONE 'UTC')::date
        ) AS from
        FROM heartbeat.roll_up AS rolled
        WHERE rolled.rolled_until BETWEEN 'epoch' AND now()
        FOR UPDATE SKIP LOCKED
        "#,
        i32::try_from(retention.days()).unwrap_or(i32::MAX),
    )
    .fetch_optional(&mut *connection)
    .await?
    .flatten();
    match next {
        None => Ok(None),
        Some(from) => delete(connection, from).await.map(Some),
    }
}

async fn delete(connection: &mut Connection, from: OffsetDateTime) -> Result<DeletedDay, sqlx::Error> {
    let beats = sqlx::query_scalar!(
        r#"
        WITH deleted AS (
            DELETE FROM heartbeat.beats
            WHERE time_stamp >= $1 AND time_stamp < $1 + interval '1 day'
              -- A beat that an import has given no time: no roll-up counts it.
              AND time_stamp > 'epoch'
            RETURNING device, time_stamp
        ), last_beat AS (
            SELECT COALESCE(former.device, deleted.device) AS device, max(deleted.time_stamp) AS time_stamp
            FROM deleted
            LEFT JOIN heartbeat.former_ids AS former ON former.former_id = deleted.device
            GROUP BY 1
        ), device AS (
            UPDATE heartbeat.rolled_devices AS rolled
            SET last_deleted_beat = last_beat.time_stamp
            FROM last_beat
            WHERE rolled.device = last_beat.device
        ), retained AS (
            UPDATE heartbeat.roll_up SET retained_from = $1 + interval '1 day'
        )
        SELECT count(*) AS "beats!" FROM deleted
        "#,
        from,
    )
    .fetch_one(connection)
    .await?;
    Ok(DeletedDay { beats })
}
