//! Statements on the settings that the owner chooses in the browser. What shows
//! stats reads them with these.

use time::OffsetDateTime;

use super::connection::Connection;
use crate::settings::Choices;

/// Keeps what the owner chose. What was not chosen stays.
pub async fn choose(connection: &mut Connection, choices: &Choices) -> Result<(), sqlx::Error> {
    let (names, values): (Vec<&str>, Vec<String>) = choices.named().into_iter().unzip();
    sqlx::query!(
        r#"
        INSERT INTO heartbeat.settings (name, value)
        SELECT name, value FROM unnest($1::text[], $2::text[]) AS chosen (name, value)
        ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value, changed_at = now()
        RETURNING name
        "#,
        names as _,
        &values,
    )
    .fetch_all(connection)
    .await
    .map(drop)
}

/// Returns what the owner chose, and the time by the database's clock.
pub async fn chosen(connection: &mut Connection) -> Result<(Choices, OffsetDateTime), sqlx::Error> {
    let row = sqlx::query!(
        r#"
        SELECT
            clock_timestamp() AS "now!",
            (SELECT value FROM heartbeat.settings WHERE name = 'precision') AS precision,
            (SELECT value FROM heartbeat.settings WHERE name = 'history') AS history,
            (SELECT value FROM heartbeat.settings WHERE name = 'timezone') AS timezone
        "#
    )
    .fetch_one(connection)
    .await?;
    let [precision, history, timezone] = [&row.precision, &row.history, &row.timezone];
    Ok((Choices::stored(precision.as_deref(), history.as_deref(), timezone.as_deref()), row.now))
}
