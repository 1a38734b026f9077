//! Events that wait to be told, and who tells them.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::event::{Event, Kind};

/// How many seconds it takes until the events for `receiver` may be delivered; `None` if there are none.
pub async fn due_in(connection: &mut PgConnection, receiver: &str) -> Result<Option<f64>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        SELECT coalesce(
            (
                SELECT GREATEST(extract(epoch FROM GREATEST(due_at, held_until) - clock_timestamp()), 0)
                FROM heartbeat.receivers
                WHERE name = $1 AND GREATEST(due_at, held_until) > clock_timestamp()
            ),
            0
        )::float8 AS "seconds!"
        WHERE EXISTS (SELECT FROM heartbeat.events WHERE receiver = $1)
        "#,
        receiver,
    )
    .fetch_optional(connection)
    .await
}

/// Takes the right to deliver to `receiver` for some seconds, or prolongs it, if nobody else has it and a
/// delivery is due. Returns how many attempts have failed since the last that succeeded.
pub async fn claim(
    connection: &mut PgConnection,
    receiver: &str,
    holder: &str,
    seconds: f64,
) -> Result<Option<i32>, sqlx::Error> {
    sqlx::query_scalar!(
        "
        INSERT INTO heartbeat.receivers AS receiver (name, holder, held_until)
        VALUES ($1, $2, now() + make_interval(secs => $3))
        ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
        WHERE (receiver.holder = $2 OR receiver.held_until <= now()) AND receiver.due_at <= now()
        RETURNING attempts
        ",
        receiver,
        holder,
        seconds,
    )
    .fetch_optional(connection)
    .await
}

/// The first events that wait for `receiver`, at most `limit`.
pub async fn first(
    connection: &mut PgConnection,
    receiver: &str,
    limit: i64,
) -> Result<Vec<Event>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT event.id, event.kind, event.happened_at, event.since, device.name AS "name?"
        FROM heartbeat.events AS event LEFT JOIN heartbeat.devices AS device ON device.id = event.device
        WHERE event.receiver = $1
        ORDER BY event.id
        LIMIT $2
        "#,
        receiver,
        limit,
    )
    .fetch_all(connection)
    .await?;
    let event = |id, kind: &str, device, happened_at, since: Option<OffsetDateTime>| {
        let kind = match (kind, since) {
            ("absence_ended", Some(since)) => Kind::AbsenceEnded { since },
            ("device_added", _) => Kind::DeviceAdded,
            _ => Kind::Beat,
        };
        Event { id, kind, device, happened_at }
    };
    Ok(rows.into_iter().map(|row| event(row.id, &row.kind, row.name, row.happened_at, row.since)).collect())
}

/// Forgets events that `receiver` has taken, or that it never will, and notes that the next delivery may
/// be made after some seconds.
pub async fn settle(
    connection: &mut PgConnection,
    receiver: &str,
    events: &[i64],
    pause: f64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        WITH settled AS (DELETE FROM heartbeat.events WHERE id = ANY ($2))
        UPDATE heartbeat.receivers
        SET attempts = 0, due_at = now() + make_interval(secs => $3)
        WHERE name = $1
        ",
        receiver,
        events,
        pause,
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Notes that an attempt has failed and when the next is due, and forgets what has waited for more than
/// `patience` seconds. Returns how many events were forgotten.
pub async fn postpone(
    connection: &mut PgConnection,
    receiver: &str,
    seconds: f64,
    patience: f64,
) -> Result<u64, sqlx::Error> {
    sqlx::query!(
        "
        UPDATE heartbeat.receivers
        SET attempts = attempts + 1, due_at = now() + make_interval(secs => $2)
        WHERE name = $1
        ",
        receiver,
        seconds,
    )
    .execute(&mut *connection)
    .await?;
    let forgotten = sqlx::query!(
        "
        DELETE FROM heartbeat.events
        WHERE receiver = $1 AND happened_at < now() - make_interval(secs => $2)
        ",
        receiver,
        patience,
    )
    .execute(connection)
    .await?;
    Ok(forgotten.rows_affected())
}

/// Gives the right to deliver back.
pub async fn release(connection: &mut PgConnection, receiver: &str, holder: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE heartbeat.receivers SET held_until = '-infinity' WHERE name = $1 AND holder = $2",
        receiver,
        holder,
    )
    .execute(connection)
    .await
    .map(drop)
}
