//! Statements on the settings that the owner chooses in the browser. They are read with the stats.

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
