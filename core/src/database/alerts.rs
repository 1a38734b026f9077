//! Statements on the owner's alerts.

use time::OffsetDateTime;

use super::connection::Connection;
use crate::{
    alert::{ALERTS_MAX, After, Alert, AlertMessage, AlertRule, Span, Window},
    device::DeviceName,
};

/// An alert as the statements answer it.
struct Row {
    id: i64,
    name: String,
    after_seconds: Option<i64>,
    device: Option<i64>,
    channels: Vec<i64>,
    repeat_seconds: Option<i64>,
    rest: Option<String>,
    quiet: Option<String>,
    message: Option<String>,
    enabled: bool,
    created_at: OffsetDateTime,
}

impl Row {
    /// Returns the alert; `None` if a newer program wrote what this one does not know.
    fn alert(self) -> Option<Alert> {
        let window = |text: Option<String>| text.map(|text| Window::parse(&text)).transpose().ok();
        let rule = AlertRule {
            name: DeviceName::parse(&self.name).ok()?,
            after: self
                .after_seconds
                .map_or(After::Unusual, |seconds| After::Fixed(Span::from_seconds(seconds))),
            device: self.device,
            channels: self.channels,
            repeat: self.repeat_seconds.map(Span::from_seconds),
            rest: window(self.rest)?,
            quiet: window(self.quiet)?,
            message: self.message.and_then(|text| AlertMessage::parse(&text).ok().flatten()),
            enabled: self.enabled,
        };
        Some(Alert { id: self.id, rule, created_at: self.created_at })
    }
}

/// A rule as the statements take it.
struct Columns<'a> {
    after_seconds: Option<i64>,
    repeat_seconds: Option<i64>,
    rest: Option<String>,
    quiet: Option<String>,
    message: Option<&'a str>,
}

impl<'a> From<&'a AlertRule> for Columns<'a> {
    fn from(rule: &'a AlertRule) -> Self {
        Self {
            after_seconds: match rule.after {
                After::Fixed(span) => Some(span.seconds()),
                After::Unusual => None,
            },
            repeat_seconds: rule.repeat.map(Span::seconds),
            rest: rule.rest.map(|window| window.to_string()),
            quiet: rule.quiet.map(|window| window.to_string()),
            message: rule.message.as_ref().map(AlertMessage::as_str),
        }
    }
}

/// Returns all alerts, ordered by the length of their absences.
pub async fn all(connection: &mut Connection) -> Result<Vec<Alert>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "
        SELECT id, name, after_seconds, device, channels, repeat_seconds, rest, quiet, message, enabled, created_at
        FROM heartbeat.alerts
        ORDER BY after_seconds NULLS LAST, id
        "
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().filter_map(Row::alert).collect())
}

/// Returns one alert.
pub async fn one(connection: &mut Connection, id: i64) -> Result<Option<Alert>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "
        SELECT id, name, after_seconds, device, channels, repeat_seconds, rest, quiet, message, enabled, created_at
        FROM heartbeat.alerts
        WHERE id = $1
        ",
        id,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.and_then(Row::alert))
}

/// Adds an alert and returns its id; `None` if there are as many as there may be.
pub async fn add(connection: &mut Connection, rule: &AlertRule) -> Result<Option<i64>, sqlx::Error> {
    let columns = Columns::from(rule);
    sqlx::query_scalar!(
        "
        INSERT INTO heartbeat.alerts
            (name, after_seconds, device, channels, repeat_seconds, rest, quiet, message, enabled)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
        WHERE (SELECT count(*) FROM heartbeat.alerts) < $10
        RETURNING id
        ",
        rule.name.as_str(),
        columns.after_seconds,
        rule.device,
        &rule.channels,
        columns.repeat_seconds,
        columns.rest,
        columns.quiet,
        columns.message,
        rule.enabled,
        ALERTS_MAX,
    )
    .fetch_optional(connection)
    .await
}

/// Replaces the rule of an alert. Returns whether there is one with this id.
pub async fn update(connection: &mut Connection, id: i64, rule: &AlertRule) -> Result<bool, sqlx::Error> {
    let columns = Columns::from(rule);
    let updated = sqlx::query!(
        "
        UPDATE heartbeat.alerts
        SET name = $2, after_seconds = $3, device = $4, channels = $5, repeat_seconds = $6, rest = $7, quiet = $8,
            message = $9, enabled = $10
        WHERE id = $1
        ",
        id,
        rule.name.as_str(),
        columns.after_seconds,
        rule.device,
        &rule.channels,
        columns.repeat_seconds,
        columns.rest,
        columns.quiet,
        columns.message,
        rule.enabled,
    )
    .execute(connection)
    .await?;
    Ok(updated.rows_affected() > 0)
}

/// Deletes an alert. What it told stays. Returns whether there was one with this id.
pub async fn delete(connection: &mut Connection, id: i64) -> Result<bool, sqlx::Error> {
    let deleted = sqlx::query!("DELETE FROM heartbeat.alerts WHERE id = $1", id).execute(connection).await?;
    Ok(deleted.rows_affected() > 0)
}

/// Asks for a test of an alert, which fires when alerts are evaluated next. Returns whether there is one with this id.
pub async fn request_test(connection: &mut Connection, id: i64) -> Result<bool, sqlx::Error> {
    let requested = sqlx::query!("UPDATE heartbeat.alerts SET test_requested_at = now() WHERE id = $1", id)
        .execute(connection)
        .await?;
    Ok(requested.rows_affected() > 0)
}
