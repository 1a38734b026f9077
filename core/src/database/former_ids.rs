//! Replaces the former ids of devices in `beats`. Migrations give devices whose ids are not exact in JavaScript small
//! ones, but leave this table alone: it may be large. Nothing that a request does depends on it.

use super::connection::Connection;
use crate::progress::{Observer, Progress};

/// Number of blocks of the table (8 kB each, about 185 beats) that one statement works on, which takes a fraction of a
/// second.
const BATCH_BLOCKS: i64 = 2_000;

/// Replaces former ids by those that the devices have now. Servers may keep running. Each batch is committed by itself:
/// if it is interrupted, the next time goes on.
pub(super) async fn replace_in_beats(
    connection: &mut Connection,
    observer: &mut impl Observer,
) -> Result<(), sqlx::Error> {
    // Beats that were recorded since have the new ids, and rows that are replaced here go where there is room.
    let blocks = sqlx::query_scalar!(
        r#"
        SELECT pg_relation_size('heartbeat.beats') / current_setting('block_size')::bigint AS "blocks!"
        WHERE EXISTS (SELECT FROM heartbeat.former_ids)
        "#
    )
    .fetch_optional(&mut *connection)
    .await?
    .unwrap_or(0);
    connection.commit().await?;
    let mut first = 0;
    while first < blocks {
        sqlx::query!(
            "
            UPDATE heartbeat.beats
            SET device = former.device
            FROM heartbeat.former_ids AS former
            WHERE beats.device = former.former_id
              AND beats.ctid >= ('(' || $1::bigint || ',0)')::tid
              AND beats.ctid < ('(' || $2::bigint || ',0)')::tid
            ",
            first,
            first + BATCH_BLOCKS,
        )
        .execute(&mut *connection)
        .await?;
        connection.commit().await?;
        first += BATCH_BLOCKS;
        let done = first.min(blocks);
        observer.observe(Progress { step: "replacing former ids, blocks", done, total: Some(blocks) });
    }
    Ok(())
}
