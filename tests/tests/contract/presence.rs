//! Presence and absences as they are kept, against what a look at all beats says, in `PostgreSQL`'s own time zones.

use heartbeat_core::{
    database::presence,
    presence::{Days, Step},
    settings::Timezone,
};
use sqlx::Row;
use time::{
    Date, Duration,
    format_description::well_known::Rfc3339,
    macros::{date, format_description},
};

use super::roll_up::History;

/// Sums as a query says that knows nothing but the beats: start, minutes, beats.
type Sums = Vec<(String, i64, i64)>;

impl History {
    /// Beats of all devices at random times of a few days around `day`.
    async fn beat_around(&self, day: Date) {
        self.database
            .execute(&format!(
                "SELECT setseed(0.7);
                 INSERT INTO heartbeat.beats (device, time_stamp)
                 SELECT floor(random() * 5), timestamptz '{day} 00:00+00' + (random() * 5 - 2) * interval '1 day'
                 FROM generate_series(1, 8000);
                 INSERT INTO heartbeat.beats SELECT 3, time_stamp FROM heartbeat.beats WHERE device = 2"
            ))
            .await;
    }

    async fn naive(&self, device: Option<i64>, step: Step, timezone: &str, days: &Days) -> Sums {
        let bin = match step {
            Step::Day => "1 day",
            Step::Hour => "1 hour",
            Step::Quarter => "15 minutes",
        };
        let offset = if step == Step::Day { "interval '0'" } else { "local - utc" };
        let device = device.map_or("true".to_owned(), |id| format!("device = {id}"));
        let query = format!(
            "SELECT
                 to_char(date_bin('{bin}', local, '2000-01-01'), 'YYYY-MM-DD\"T\"HH24:MI:SS'),
                 extract(epoch FROM {offset})::bigint,
                 count(DISTINCT date_trunc('minute', utc)),
                 count(*)
             FROM (
                 SELECT device, time_stamp AT TIME ZONE '{timezone}' AS local, time_stamp AT TIME ZONE 'UTC' AS utc
                 FROM heartbeat.beats JOIN heartbeat.devices ON id = device
                 WHERE time_stamp > 'epoch' AND time_stamp <= now()
             ) AS beat
             WHERE {device} AND local::date BETWEEN '{}' AND '{}'
             GROUP BY 1, 2
             ORDER BY min(utc)",
            days.start(),
            days.end(),
        );
        let rows = sqlx::raw_sql(sqlx::AssertSqlSafe(query));
        let rows = rows.fetch_all(&mut self.database.connect().await).await.expect("rows");
        let sum = |row: &sqlx::postgres::PgRow| {
            let (start, ahead): (String, i64) = (row.get(0), row.get(1));
            let start = if step == Step::Day { start[..10].to_owned() } else { with_offset(&start, ahead) };
            (start, row.get(2), row.get(3))
        };
        rows.iter().map(sum).collect()
    }

    async fn kept(&mut self, device: Option<i64>, step: Step, timezone: &str, days: &Days) -> Sums {
        let presence = presence::read(&mut self.connection, device, days).await.expect("presence");
        self.connection.commit().await.expect("committed");
        let timezone = Timezone::parse(timezone).expect("a time zone");
        let sums = presence.sums(step, &timezone, days).into_iter().map(|sum| {
            let start = match step {
                Step::Day => sum.start.date().to_string(),
                Step::Hour | Step::Quarter => sum.start.format(&Rfc3339).expect("a time"),
            };
            let beats = i64::try_from(sum.beats).expect("few");
            (start.replace('Z', "+00:00"), i64::from(sum.minutes), beats)
        });
        sums.collect()
    }

    async fn assert_sums(&mut self, timezones: &[&str], days: &Days) {
        for timezone in timezones {
            for step in Step::ALL {
                for device in [None, Some(2), Some(3), Some(99)] {
                    let kept = self.kept(device, step, timezone, days).await;
                    let naive = self.naive(device, step, timezone, days).await;
                    assert_eq!(kept, naive, "{timezone} {step:?} {device:?}");
                }
            }
        }
    }
}

/// Writes a local time with its offset.
fn with_offset(local: &str, ahead: i64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    time::PrimitiveDateTime::parse(local, &format).expect("a time");
    let (sign, minutes) = (if ahead < 0 { '-' } else { '+' }, ahead.abs() / 60);
    format!("{local}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[tokio::test]
async fn sums_are_what_all_beats_say_wherever_days_begin() {
    // Days of 23 and 25 hours, zones a part of an hour apart, a day that was left out, clocks set back by half an hour.
    let cases = [
        (date!(2026 - 03 - 29), ["Europe/Berlin", "UTC"]),
        (date!(2025 - 10 - 26), ["Europe/Berlin", "Europe/London"]),
        (date!(2026 - 06 - 15), ["Asia/Kolkata", "Asia/Kathmandu"]),
        (date!(2025 - 11 - 02), ["America/St_Johns", "America/New_York"]),
        (date!(2011 - 12 - 30), ["Pacific/Apia", "Pacific/Kiritimati"]),
        (date!(2026 - 04 - 05), ["Australia/Lord_Howe", "Pacific/Chatham"]),
    ];
    for (day, timezones) in cases {
        let mut history = History::begin().await;
        history.beat_around(day).await;
        history.roll(Duration::days(20)).await;
        let all = (day - Duration::weeks(1))..=(day + Duration::weeks(1));
        history.assert_sums(&timezones, &all).await;
        history.assert_sums(&timezones[..1], &(day..=day)).await;
        let kept = history.kept(None, Step::Day, timezones[0], &all).await;
        assert_eq!(kept.iter().map(|(_, _, beats)| beats).sum::<i64>(), {
            history.database.number("SELECT count(*) FROM heartbeat.beats").await
        });
    }
}

#[tokio::test]
async fn beats_that_are_not_rolled_up_yet_count_and_none_counts_twice() {
    let mut history = History::begin().await;
    let today = history.database.text("SELECT (now() AT TIME ZONE 'UTC')::date::text").await;
    let format = format_description!("[year]-[month]-[day]");
    let today = Date::parse(&today, &format).expect("a date");
    let days = (today - Duration::days(8))..=(today + Duration::DAY);
    history.beat_at_random(3).await;
    // Slices end in the middle of minutes; some beats are seconds old, and some lie in the future.
    let recent = "INSERT INTO heartbeat.beats
                  SELECT number % 5, now() - interval '4 minutes' + number * interval '7 seconds' FROM generate_series(1, 60) AS number";
    for length in [Duration::minutes(7), Duration::minutes(61), Duration::DAY] {
        history.database.execute(recent).await;
        history.roll(length).await;
        // Each of these is inserted late: what has been read by now is older.
        history
            .database
            .execute("DELETE FROM heartbeat.beats WHERE time_stamp > now() - interval '5 minutes'")
            .await;
        history.database.execute(RESET).await;
        history.roll(length).await;
        history.database.execute(
            "INSERT INTO heartbeat.beats
             SELECT number % 5, now() - number * interval '3 seconds' FROM generate_series(-20, 18) AS number",
        ).await;
        history.assert_sums(&["UTC", "Asia/Kolkata"], &days).await;
    }
}

/// Has everything read again.
const RESET: &str = "UPDATE heartbeat.roll_up SET rolled_until = '-infinity'";

#[tokio::test]
async fn erased_devices_are_taken_out_of_the_presence_of_anybody() {
    let mut history = History::begin().await;
    let day = date!(2026 - 06 - 15);
    history.beat_around(day).await;
    // On one day there is nothing else.
    history.database.execute("INSERT INTO heartbeat.beats SELECT 2, '2026-05-01T12:00Z'").await;
    history.roll(Duration::DAY).await;
    history.database.execute("DELETE FROM heartbeat.devices WHERE id = 2").await;
    history.roll(Duration::DAY).await;
    let days = date!(2026 - 04 - 01)..=date!(2026 - 07 - 01);
    history.assert_sums(&["UTC", "Asia/Kolkata"], &days).await;
    let empty = "SELECT count(*) FROM heartbeat.presence WHERE day = '2026-05-01'";
    assert_eq!(history.database.number(empty).await, 0);
    // Archived devices count as before.
    history.database.execute("UPDATE heartbeat.devices SET archived_at = now() WHERE id = 3").await;
    history.roll(Duration::DAY).await;
    history.assert_sums(&["UTC"], &days).await;
}

#[tokio::test]
async fn absences_that_no_beat_noted_are_found_and_wrong_ones_corrected() {
    let mut history = History::begin().await;
    history.beat_at_random(20).await;
    // Noted with another start by a process whose cache lagged behind, and one that was none.
    history
        .database
        .execute(
            "DELETE FROM heartbeat.beats WHERE time_stamp BETWEEN now() - interval '10 days' AND now() - interval '9 days';
             INSERT INTO heartbeat.absences (ended_by, started_at, ended_at)
             SELECT 1, now() - interval '9 days 22 hours', min(time_stamp) FROM heartbeat.beats WHERE time_stamp > now() - interval '9 days';
             INSERT INTO heartbeat.absences (ended_by, started_at, ended_at)
             VALUES (1, now() - interval '5 days 2 hours', now() - interval '5 days')",
        )
        .await;
    let wrong = "
        WITH actual AS (
            SELECT started_at, ended_at FROM (
                SELECT lag(time_stamp) OVER (ORDER BY time_stamp) AS started_at, time_stamp AS ended_at
                FROM heartbeat.beats WHERE time_stamp <= (SELECT rolled_until FROM heartbeat.roll_up)
            ) AS gap WHERE ended_at - started_at > interval '1 hour'
        ), kept AS (SELECT started_at, ended_at FROM heartbeat.absences)
        SELECT (SELECT count(*) FROM (SELECT * FROM actual EXCEPT ALL SELECT * FROM kept) AS missing)
            + (SELECT count(*) FROM (SELECT * FROM kept EXCEPT ALL SELECT * FROM actual) AS invented)";
    assert_ne!(history.database.number(wrong).await, 0);
    for length in [Duration::hours(5), Duration::days(32)] {
        history.database.execute(RESET).await;
        history.roll(length).await;
        assert_eq!(history.database.number(wrong).await, 0, "{length}");
        assert_ne!(history.database.number("SELECT count(*) FROM heartbeat.absences").await, 0);
    }
}
