//! Erasing devices: at once for all who look, and their rows of `beats` afterwards, in slices.
//!
//! - [`records`]: brings absences and the longest of them up to date when all rows are deleted.

pub mod records;

use super::connection::Connection;

/// Pages of `beats` (8 kB each, about 185 beats) that one transaction searches: a tenth of a second, if all rows go.
const SLICE_PAGES: i64 = 500;

/// Next page of an erasure that has searched all of them.
const NO_PAGE: i64 = i64::MAX;

/// A device that was just erased.
#[derive(Debug, Clone, Copy)]
pub struct Erased {
    /// Its id.
    pub id: i64,
    /// Whether it beat within the last second. Processes may rely on such a beat for a second, and take beats of others for
    /// ones that end no absence.
    pub has_just_beaten: bool,
}

/// Erases the device that has this id, or had it formerly: its credentials, the events about it, and its share in all
/// totals. Its rows of `beats`, and what was rolled up of them, are left for [jobs](crate::jobs). Returns `None` if there is no such device.
///
/// The row of the device is locked first, as beats do. So a beat that is being recorded is erased with it, and one that
/// comes later finds no device. The statements after it see all that was committed before.
pub async fn erase(connection: &mut Connection, id: i64) -> Result<Option<Erased>, sqlx::Error> {
    connection.ensure_transaction().await?;
    let erased = sqlx::query!(
        r#"
        WITH erased AS (
            DELETE FROM heartbeat.devices
            WHERE id = COALESCE((SELECT device FROM heartbeat.former_ids WHERE former_id = $1), $1)
            RETURNING id, last_beat
        ), former AS (
            DELETE FROM heartbeat.former_ids USING erased WHERE former_ids.device = erased.id
            RETURNING former_id
        ), recorded AS (
            INSERT INTO heartbeat.erasures (device, former_id)
            SELECT id, (SELECT former_id FROM former) FROM erased
        )
        SELECT
            id AS "id!",
            (SELECT former_id FROM former) AS former_id,
            COALESCE(last_beat > now() - interval '1 second', false) AS "has_just_beaten!"
        FROM erased
        "#,
        id,
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(erased) = erased else { return Ok(None) };
    let ids: Vec<i64> = [Some(erased.id), erased.former_id].into_iter().flatten().collect();
    remove_events(connection, &ids).await?;
    set_last_beat_back(connection).await?;
    Ok(Some(Erased { id: erased.id, has_just_beaten: erased.has_just_beaten }))
}

/// Deletes events about devices with these ids, delivered or not: no channel is notified of them any more. Those of alerts stay,
/// which the next evaluation takes back or ends: who was told of an absence is told that it is over, without a name.
async fn remove_events(connection: &mut Connection, ids: &[i64]) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        WITH former AS (
            DELETE FROM heartbeat.events WHERE device = ANY ($1)
        )
        DELETE FROM heartbeat.outbox WHERE payload ->> 'device' = ANY ($1::bigint[]::text[]) AND firing IS NULL
        ",
        ids,
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Sets the last beat that `stats` knows of back to that of the devices that are left. The row is locked before their
/// last beats are looked at, so that none is missed that another process has just written there.
async fn set_last_beat_back(connection: &mut Connection) -> Result<(), sqlx::Error> {
    sqlx::query!("SELECT FROM heartbeat.stats FOR NO KEY UPDATE").execute(&mut *connection).await?;
    sqlx::query!(
        "
        UPDATE heartbeat.stats SET last_beat = (
            SELECT max(last_beat) FROM heartbeat.devices WHERE last_beat BETWEEN 'epoch' AND clock_timestamp()
        )
        "
    )
    .execute(connection)
    .await
    .map(drop)
}

/// What is left to be done about erased devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slice {
    /// So many beats were deleted in the next pages. There may be more.
    Deleted(u64),
    /// All pages were searched, but not for all devices were the records brought up to date.
    Searched,
    /// Nothing is left, or other processes are at it.
    Done,
}

/// Deletes the beats of an erased device in the next pages. No beat waits for it: nothing of it touches a row that a beat
/// does. Other processes work on other devices meanwhile, or wait for their next turn.
pub async fn delete_slice(connection: &mut Connection) -> Result<Slice, sqlx::Error> {
    connection.ensure_transaction().await?;
    let claimed = sqlx::query!(
        r#"
        SELECT
            device,
            array_remove(ARRAY[device, former_id], NULL) AS "ids!",
            next_page,
            pg_relation_size('heartbeat.beats') / current_setting('block_size')::bigint AS "pages!"
        FROM heartbeat.erasures
        WHERE finished_at IS NULL
        ORDER BY next_page
        LIMIT 1
        FOR UPDATE SKIP LOCKED
        "#
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(claimed) = claimed else { return Ok(Slice::Done) };
    if claimed.next_page == NO_PAGE {
        return Ok(Slice::Searched);
    }
    let deleted = sqlx::query!(
        "
        DELETE FROM heartbeat.beats
        WHERE device = ANY ($1)
          AND ctid >= ('(' || $2::bigint || ',0)')::tid
          AND ctid < ('(' || $3::bigint || ',0)')::tid
        ",
        &claimed.ids,
        claimed.next_page,
        claimed.next_page + SLICE_PAGES,
    )
    .execute(&mut *connection)
    .await?;
    // Pages that are added from now on hold no beat of a device that is gone.
    let next_page = Some(claimed.next_page + SLICE_PAGES).filter(|page| *page < claimed.pages);
    sqlx::query!(
        "UPDATE heartbeat.erasures SET next_page = $2 WHERE device = $1",
        claimed.device,
        next_page.unwrap_or(NO_PAGE),
    )
    .execute(connection)
    .await?;
    Ok(Slice::Deleted(deleted.rows_affected()))
}
