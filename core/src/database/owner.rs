//! What the owner last said of themselves: the snooze, and that they are well.

use time::OffsetDateTime;

use super::connection::Connection;

/// A snooze as the database has it.
#[derive(Debug)]
pub struct StoredSnooze {
    /// When it ends.
    pub until: OffsetDateTime,
    /// Note of the owner.
    pub note: Option<String>,
}

/// Returns the snooze, unless there is none or it has ended.
pub async fn snooze(connection: &mut Connection) -> Result<Option<StoredSnooze>, sqlx::Error> {
    sqlx::query_as!(
        StoredSnooze,
        r#"
        SELECT LEAST(snoozed_until, '9999-12-31T23:59:59Z') AS "until!", snooze_note AS note
        FROM heartbeat.owner
        WHERE snoozed_until > clock_timestamp()
        "#
    )
    .fetch_optional(connection)
    .await
}

/// Sets the end of the snooze and its note, or ends it. The past knows when there was one: those of the last 400 days, which
/// is further than alerts look back.
pub async fn set_snooze(
    connection: &mut Connection,
    until: Option<OffsetDateTime>,
    note: Option<&str>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        WITH owner AS (
            UPDATE heartbeat.owner SET snoozed_until = $1, snooze_note = $2
        ), forgotten AS (
            DELETE FROM heartbeat.snoozes
            WHERE started_at > now() OR ended_at < now() - interval '400 days'
        ), ended AS (
            UPDATE heartbeat.snoozes SET ended_at = now() WHERE started_at < now() AND ended_at > now()
        )
        INSERT INTO heartbeat.snoozes (started_at, ended_at)
        SELECT now(), $1 WHERE $1 > now()
        ON CONFLICT (started_at) DO UPDATE SET ended_at = EXCLUDED.ended_at
        ",
        until,
        note,
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Records that the owner is well.
pub async fn record_ok(connection: &mut Connection) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE heartbeat.owner SET ok_at = now()").execute(connection).await.map(drop)
}
