//! Statements on the settings that the owner chooses in the browser. What shows
//! stats reads them with these.

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

/// Returns what the owner chose.
pub async fn chosen(connection: &mut Connection) -> Result<Choices, sqlx::Error> {
    let rows = sqlx::query!("SELECT name, value FROM heartbeat.settings").fetch_all(connection).await?;
    let value = |name| rows.iter().find(|row| row.name == name).map(|row| row.value.as_str());
    Ok(Choices::stored(value("precision"), value("history"), value("timezone")))
}
