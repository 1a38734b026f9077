//! Which absences are unusual at present, kept for an hour.

use std::collections::HashMap;

use time::Duration;

use super::{connection::Connection, evaluation::Purpose, past};
use crate::{
    alert::{
        After, Alert, Span, Window,
        unusual::{LOOKBACK, RELEVANT, unusual_after},
    },
    settings::Timezone,
};

/// Time for which a length is kept.
const LIFETIME: Duration = Duration::HOUR;

/// Time for which it is kept that too little is known: as long as older beats are still being read, that may change soon.
const UNKNOWN_LIFETIME: Duration = Duration::MINUTE;

/// Stands for all devices together.
const ALL_DEVICES: i64 = -1;

/// What an absence is unusual for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Subject {
    device: i64,
    rest: String,
}

impl Subject {
    fn new(device: Option<i64>, rest: Option<Window>) -> Self {
        Self {
            device: device.unwrap_or(ALL_DEVICES),
            rest: rest.map(|rest| rest.to_string()).unwrap_or_default(),
        }
    }
}

/// Returns the length from which on an absence is unusual, for each of these alerts that tells of such: by the alert's id.
/// An alert about which too little is known is missing. Without alerts about unusual absences, no statement is made. Only
/// evaluations keep what they work out: to show it, that may be done again.
pub async fn of_alerts(
    connection: &mut Connection,
    alerts: &[Alert],
    timezone: &Timezone,
    purpose: Purpose,
) -> Result<HashMap<i64, Span>, sqlx::Error> {
    let mut lengths = HashMap::new();
    let alerts = || alerts.iter().filter(|alert| alert.rule.after == After::Unusual);
    if alerts().next().is_none() {
        return Ok(lengths);
    }
    let mut kept = kept(connection, timezone).await?;
    for alert in alerts() {
        let (device, rest) = (alert.rule.device, alert.rule.rest);
        let subject = Subject::new(device, rest);
        let after = if let Some(after) = kept.get(&subject) {
            *after
        } else {
            let after = read(connection, device, rest, timezone).await?;
            if purpose == Purpose::Decide {
                keep(connection, &subject, timezone, after).await?;
            }
            after
        };
        kept.insert(subject, after);
        lengths.extend(after.map(|after| (alert.id, after)));
    }
    Ok(lengths)
}

/// Reads the lengths that are young enough.
async fn kept(
    connection: &mut Connection,
    timezone: &Timezone,
) -> Result<HashMap<Subject, Option<Span>>, sqlx::Error> {
    let rows = sqlx::query!(
        "
        SELECT device, rest, after_seconds
        FROM heartbeat.unusual_absences
        WHERE timezone = $1
          AND computed_at BETWEEN now() - make_interval(secs => CASE WHEN after_seconds IS NULL THEN $3::double precision ELSE $2 END)
              AND now()
        ",
        timezone.name(),
        LIFETIME.as_seconds_f64(),
        UNKNOWN_LIFETIME.as_seconds_f64(),
    )
    .fetch_all(connection)
    .await?;
    let rows = rows.into_iter();
    Ok(rows
        .map(|row| {
            let subject = Subject { device: row.device, rest: row.rest };
            (subject, row.after_seconds.map(Span::from_seconds))
        })
        .collect())
}

/// Works out the length for `device`, or for all devices together.
pub async fn read(
    connection: &mut Connection,
    device: Option<i64>,
    rest: Option<Window>,
    timezone: &Timezone,
) -> Result<Option<Span>, sqlx::Error> {
    let past = past::read(connection, device, LOOKBACK, RELEVANT).await?;
    Ok(unusual_after(&past, rest, timezone))
}

/// Keeps a length, and forgets those that were kept for a day: no alert is about them any more.
async fn keep(
    connection: &mut Connection,
    subject: &Subject,
    timezone: &Timezone,
    after: Option<Span>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        WITH forgotten AS (
            DELETE FROM heartbeat.unusual_absences
            WHERE computed_at NOT BETWEEN now() - interval '1 day' AND now()
              AND (device, rest, timezone) <> ($1, $2, $3)
        )
        INSERT INTO heartbeat.unusual_absences (device, rest, timezone, after_seconds, computed_at)
        VALUES ($1, $2, $3, $4, now())
        ON CONFLICT (device, rest, timezone)
        DO UPDATE SET after_seconds = EXCLUDED.after_seconds, computed_at = EXCLUDED.computed_at
        ",
        subject.device,
        subject.rest,
        timezone.name(),
        after.map(Span::seconds),
    )
    .execute(connection)
    .await
    .map(drop)
}
