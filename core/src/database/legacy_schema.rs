//! Recognizes the legacy schema: the tables of the earlier service.

use super::connection::Connection;

/// Columns that the legacy schema is recognized by; it may have others.
const COLUMNS: [(&str, &str); 8] = [
    ("devices", "id"),
    ("devices", "name"),
    ("devices", "token"),
    ("beats", "device"),
    ("beats", "time_stamp"),
    ("stats", "total_visits"),
    ("stats", "server_start_time"),
    ("stats", "longest_absence"),
];

/// Whether the tables are those of the legacy schema.
pub(super) async fn is_present(connection: &mut Connection) -> Result<bool, sqlx::Error> {
    let (tables, columns): (Vec<_>, Vec<_>) = COLUMNS.iter().map(|(table, column)| (*table, *column)).unzip();
    sqlx::query_scalar!(
        r#"
        SELECT NOT EXISTS (
            SELECT FROM unnest($1::text[], $2::text[]) AS needed (table_name, column_name)
            WHERE NOT EXISTS (
                SELECT FROM pg_attribute
                WHERE attrelid = to_regclass('heartbeat.' || table_name)
                  AND attname = column_name
                  AND NOT attisdropped
            )
        ) AS "present!"
        "#,
        &tables as _,
        &columns as _,
    )
    .fetch_one(connection)
    .await
}
