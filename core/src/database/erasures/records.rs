//! Records after an erasure: absences of more than an hour, and the longest absence, as the beats that are left tell.
//!
//! All beats are looked at, in one statement that holds no lock that a beat waits for. What beats change meanwhile is kept:
//! the statement says by how much the rows that it saw are wrong, and only that is written, in a moment.

use std::time::Duration;

use time::OffsetDateTime;

use super::NO_PAGE;
use crate::{database::connection::Connection, notify::event::LONG_ABSENCE};

/// How much one call may do.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Time since a device was erased before which its erasure is not finished.
    pub min_age: Duration,
    /// Device whose erasure may be finished before that.
    pub device: Option<i64>,
    /// Pages of `beats` above which it is left to a call that may take longer.
    pub max_pages: i64,
    /// Timeout of one statement.
    pub timeout: Duration,
}

/// An erasure whose rows of `beats` are deleted.
#[derive(Debug)]
struct Searched {
    /// Id of the device.
    device: i64,
    /// Ids that its rows of `beats` may have had.
    ids: Vec<i64>,
}

/// What the beats that are left tell, and what is wrong with the records, as of one moment.
#[derive(Debug)]
struct Difference {
    /// Longest absence, in microseconds.
    longest: i64,
    /// Longest absence that was stored, in microseconds.
    stored_longest: i64,
    /// Last beat.
    last_beat: Option<OffsetDateTime>,
    /// Ids of absences that never were.
    wrong: Vec<i64>,
    /// Absences that are missing: the devices that ended them, their starts and their ends.
    ended_by: Vec<i64>,
    started_at: Vec<OffsetDateTime>,
    ended_at: Vec<OffsetDateTime>,
}

/// Finishes erasures whose rows of `beats` are deleted. Returns how many there were; none if other processes are at it.
pub async fn update(connection: &mut Connection, effort: Effort) -> Result<u64, sqlx::Error> {
    connection.ensure_transaction().await?;
    let searched = claim(connection, effort).await?;
    if searched.is_empty() {
        return Ok(0);
    }
    let timeout = effort.timeout.as_millis().to_string();
    sqlx::query!("SELECT set_config('statement_timeout', $1, true)", timeout)
        .fetch_one(&mut *connection)
        .await?;
    // The roll-up corrects absences, too. It does not wait for its turn, so both would miss theirs again and again if this did
    // not, as they are ticked at the same time.
    sqlx::query!("SELECT FROM heartbeat.roll_up FOR UPDATE").execute(&mut *connection).await?;
    let devices: Vec<i64> = searched.iter().map(|erasure| erasure.device).collect();
    let ids: Vec<i64> = searched.into_iter().flat_map(|erasure| erasure.ids).collect();
    if are_beats_left(connection, &ids).await? {
        search_again(connection, &devices).await?;
        return Ok(0);
    }
    let difference = compare(connection).await?;
    write(connection, &difference).await?;
    finish(connection, &devices).await
}

/// Locks erasures that can be finished.
async fn claim(connection: &mut Connection, effort: Effort) -> Result<Vec<Searched>, sqlx::Error> {
    sqlx::query_as!(
        Searched,
        r#"
        SELECT device, array_remove(ARRAY[device, former_id], NULL) AS "ids!"
        FROM heartbeat.erasures
        WHERE finished_at IS NULL
          AND next_page = $1
          AND (
              device = $3
              OR erased_at NOT BETWEEN clock_timestamp() - make_interval(secs => $2) AND clock_timestamp()
          )
          AND pg_relation_size('heartbeat.beats') / current_setting('block_size')::bigint <= $4
        ORDER BY device
        FOR UPDATE SKIP LOCKED
        "#,
        NO_PAGE,
        effort.min_age.as_secs_f64(),
        effort.device,
        effort.max_pages,
    )
    .fetch_all(connection)
    .await
}

/// Whether rows were moved to pages that had been searched, as replacing former ids and rewriting the table may do.
async fn are_beats_left(connection: &mut Connection, ids: &[i64]) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM heartbeat.beats WHERE device = ANY ($1)) AS "left!""#,
        ids
    )
    .fetch_one(connection)
    .await
}

async fn search_again(connection: &mut Connection, devices: &[i64]) -> Result<(), sqlx::Error> {
    sqlx::query!("UPDATE heartbeat.erasures SET next_page = 0 WHERE device = ANY ($1)", devices)
        .execute(connection)
        .await
        .map(drop)
}

/// Compares the records with the beats of all devices that are not erased. A beat whose time lies in the future has none.
///
/// Of beats that retention has deleted there are the absences of single devices that are ten minutes and longer: what all devices
/// have in common is one of all together. Of them, only absences of more than an hour count.
async fn compare(connection: &mut Connection) -> Result<Difference, sqlx::Error> {
    sqlx::query_file_as!(Difference, "src/database/erasures/compare.sql", LONG_ABSENCE.as_seconds_f64(),)
        .fetch_one(connection)
        .await
}

/// Writes what is wrong. Beats that end an absence wait for the row of `stats`, for the time of a few round trips.
async fn write(connection: &mut Connection, difference: &Difference) -> Result<(), sqlx::Error> {
    sqlx::query!("SELECT FROM heartbeat.stats FOR NO KEY UPDATE").execute(&mut *connection).await?;
    sqlx::query!(
        "
        WITH wrong AS (
            DELETE FROM heartbeat.absences WHERE id = ANY ($1)
        )
        INSERT INTO heartbeat.absences (ended_by, started_at, ended_at)
        SELECT ended_by, started_at, ended_at
        FROM unnest($2::bigint[], $3::timestamptz[], $4::timestamptz[]) AS missing (ended_by, started_at, ended_at)
        ",
        &difference.wrong,
        &difference.ended_by,
        &difference.started_at,
        &difference.ended_at,
    )
    .execute(&mut *connection)
    .await?;
    write_longest(connection, difference).await
}

/// Writes the longest absence. One that has ended since the beats were looked at is in the row if it is longer than that
/// before, is an absence of more than an hour, or is the last one that the row knows of.
async fn write_longest(connection: &mut Connection, difference: &Difference) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        UPDATE heartbeat.stats SET longest_absence = GREATEST(
            ($1::bigint || ' microseconds')::interval,
            CASE
                WHEN (extract(epoch FROM GREATEST(LEAST(longest_absence, interval '9999 years'), interval '0')) * 1000000)::bigint <> $2
                THEN longest_absence
            END,
            CASE
                WHEN last_beat > $3 AND last_beat <= clock_timestamp()
                THEN last_beat - GREATEST(silent_since, $3)
            END,
            (
                SELECT max(ended_at - started_at) FROM heartbeat.absences
                WHERE started_at >= $3 AND ended_at <= clock_timestamp()
            )
        )
        ",
        difference.longest,
        difference.stored_longest,
        difference.last_beat,
    )
    .execute(connection)
    .await
    .map(drop)
}

async fn finish(connection: &mut Connection, devices: &[i64]) -> Result<u64, sqlx::Error> {
    let finished =
        sqlx::query!("UPDATE heartbeat.erasures SET finished_at = now() WHERE device = ANY ($1)", devices)
            .execute(connection)
            .await?;
    Ok(finished.rows_affected())
}
