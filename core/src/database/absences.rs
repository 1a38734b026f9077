//! Statements on absences: times of more than an hour in which no device beat.

use time::OffsetDateTime;

use super::connection::Connection;
use crate::presence::absences::{Absence, AbsencePage, Asked, Cursor, Order};

/// Reads absences that had ended at `until`, in the order that is asked for.
pub async fn ended(
    connection: &mut Connection,
    asked: Asked,
    until: OffsetDateTime,
) -> Result<AbsencePage, sqlx::Error> {
    let before = asked.before.unwrap_or(Cursor::FIRST);
    let rows = match asked.order {
        Order::Latest => {
            sqlx::query_as!(
                Row,
                r#"
                SELECT id, ended_by, started_at, ended_at, (extract(epoch FROM ended_at) * 1000000)::bigint AS "key!"
                FROM heartbeat.absences
                WHERE (ended_at, id) < ('epoch'::timestamptz + $1::bigint * interval '1 microsecond', $2::bigint)
                  AND ended_at <= $3
                  AND isfinite(started_at) AND isfinite(ended_at)
                ORDER BY ended_at DESC, id DESC
                LIMIT $4
                "#,
                before.key,
                before.id,
                until,
                asked.rows_to_fetch(),
            )
            .fetch_all(connection)
            .await?
        }
        Order::Longest => {
            sqlx::query_as!(
                Row,
                r#"
                SELECT id, ended_by, started_at, ended_at, (extract(epoch FROM ended_at - started_at) * 1000000)::bigint AS "key!"
                FROM heartbeat.absences
                WHERE (ended_at - started_at, id) < ($1::bigint * interval '1 microsecond', $2::bigint)
                  AND ended_at <= $3
                  AND isfinite(started_at) AND isfinite(ended_at)
                ORDER BY ended_at - started_at DESC, id DESC
                LIMIT $4
                "#,
                before.key,
                before.id,
                until,
                asked.rows_to_fetch(),
            )
            .fetch_all(connection)
            .await?
        }
    };
    Ok(asked.page(rows.into_iter().map(Row::into_absence).collect()))
}

struct Row {
    id: i64,
    ended_by: i64,
    started_at: OffsetDateTime,
    ended_at: OffsetDateTime,
    key: i64,
}

impl Row {
    fn into_absence(self) -> (Cursor, Absence) {
        let cursor = Cursor { key: self.key, id: self.id };
        (
            cursor,
            Absence {
                started_at: self.started_at,
                ended_at: Some(self.ended_at),
                ended_by: Some(self.ended_by),
            },
        )
    }
}
