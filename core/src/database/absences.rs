//! Statements on absences: times of more than an hour in which no device beat.

use time::OffsetDateTime;

use super::connection::Connection;
use crate::presence::absences::{Absence, AbsencePage, Asked, Order};

/// Reads absences that had ended at `until`, in the order that is asked for; none, if the one that they are to come after had not
/// ended either, or is not known.
pub async fn ended(
    connection: &mut Connection,
    asked: Asked,
    until: OffsetDateTime,
) -> Result<AbsencePage, sqlx::Error> {
    let rows = match asked.order {
        Order::Latest => {
            sqlx::query_as!(
                Row,
                r#"
                SELECT id, ended_by, started_at, ended_at
                FROM heartbeat.absences
                WHERE (ended_at, id) < (
                      CASE WHEN $1::bigint IS NULL THEN 'infinity'
                      ELSE (SELECT known.ended_at FROM heartbeat.absences AS known WHERE known.id = $1 AND known.ended_at <= $2)
                      END,
                      COALESCE($1, 0)
                  )
                  AND ended_at <= $2
                  AND isfinite(started_at) AND isfinite(ended_at)
                ORDER BY ended_at DESC, id DESC
                LIMIT $3
                "#,
                asked.before,
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
                SELECT id, ended_by, started_at, ended_at
                FROM heartbeat.absences
                WHERE (ended_at - started_at, id) < (
                      -- Longer than all times that PostgreSQL has are apart.
                      CASE WHEN $1::bigint IS NULL THEN interval '1000000 years'
                      ELSE (
                          SELECT known.ended_at - known.started_at FROM heartbeat.absences AS known
                          WHERE known.id = $1 AND known.ended_at <= $2
                      )
                      END,
                      COALESCE($1, 0)
                  )
                  AND ended_at <= $2
                  AND isfinite(started_at) AND isfinite(ended_at)
                ORDER BY ended_at - started_at DESC, id DESC
                LIMIT $3
                "#,
                asked.before,
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
}

impl Row {
    fn into_absence(self) -> (i64, Absence) {
        (
            self.id,
            Absence {
                started_at: self.started_at,
                ended_at: Some(self.ended_at),
                ended_by: Some(self.ended_by),
            },
        )
    }
}
