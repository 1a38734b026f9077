//! Statements that read presence.

use time::{Date, Duration};

use super::connection::Connection;
use crate::presence::{Days, Presence, Quarter};

/// The "device" that stands for all of them together.
const ALL_DEVICES: i64 = -1;

/// Quarters of an hour in a day of UTC.
const QUARTERS: i64 = 96;

/// Age up to which beats are added that were not rolled up yet: more than the roll-up is behind when it has caught up, also where
/// it runs every quarter of an hour. As long as it has not, as after an upgrade, beats between are missing: no reader may read
/// them all.
const RECENT: Duration = Duration::minutes(20);

/// Reads the presence of `device`, or of all together, on local days, wherever on earth: up to one more of UTC at either end.
pub async fn read(
    connection: &mut Connection,
    device: Option<i64>,
    days: &Days,
) -> Result<Presence, sqlx::Error> {
    let rows = sqlx::query_file!(
        "src/database/presence/read.sql",
        device.unwrap_or(ALL_DEVICES),
        days.start().previous_day().unwrap_or(Date::MIN),
        days.end().next_day().unwrap_or(Date::MAX),
        RECENT.as_seconds_f64(),
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut presence = Presence::default();
    if is_behind(connection).await? {
        presence.set_incomplete();
    }
    for row in rows {
        let counts = row.beats.iter().map(|beats| u32::try_from(*beats).unwrap_or_default());
        if let Some(minute) = row.minute {
            presence.add_minute(i64::from(minute), counts.sum());
            continue;
        }
        let minutes = row.minutes.iter().map(|minutes| u16::try_from(*minutes).unwrap_or_default());
        for (number, (minutes, beats)) in (0..).zip(minutes.zip(counts)) {
            presence.add(i64::from(row.day) * QUARTERS + number, Quarter { minutes, beats });
        }
    }
    Ok(presence)
}

/// Whether there are beats that are neither rolled up nor recent.
async fn is_behind(connection: &mut Connection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        SELECT CASE
            WHEN rolled_until BETWEEN 'epoch' AND now() THEN rolled_until < now() - make_interval(secs => $1)
            ELSE EXISTS (SELECT FROM heartbeat.beats WHERE time_stamp < now() - make_interval(secs => $1))
        END AS "is_behind!"
        FROM heartbeat.roll_up
        "#,
        RECENT.as_seconds_f64(),
    )
    .fetch_one(connection)
    .await
}
