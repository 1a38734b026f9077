//! The records of a database, held against its beats.

use crate::Database;

/// Absences of more than an hour, and the longest one of any length, as a query says that knows nothing but the beats.
const ABSENCES: &str = "
    WITH gap AS (
        SELECT device, lag(time_stamp) OVER (ORDER BY time_stamp, device) AS started_at, time_stamp AS ended_at
        FROM heartbeat.beats
    ), absence AS (
        SELECT * FROM gap WHERE ended_at - started_at > interval '1 hour'
    )";

/// Makes the records and the counters those of the rows of `beats` that a test has inserted.
pub async fn count_inserted_beats(database: &Database) {
    database
        .execute(&format!(
            "UPDATE heartbeat.devices SET (num_beats, last_beat) =
                 (SELECT count(*), max(time_stamp) FROM heartbeat.beats WHERE device = id);
             {ABSENCES}
             INSERT INTO heartbeat.absences (ended_by, started_at, ended_at)
             SELECT device, started_at, ended_at FROM absence;
             {ABSENCES}
             UPDATE heartbeat.stats SET
                 last_beat = (SELECT max(time_stamp) FROM heartbeat.beats),
                 longest_absence = (SELECT COALESCE(max(ended_at - started_at), '0') FROM gap)"
        ))
        .await;
}

/// Asserts that the records are those of the beats, to the microsecond, and the counters those of their rows.
pub async fn assert_records(database: &Database) {
    let wrong = format!(
        "{ABSENCES}, recorded AS (SELECT started_at, ended_at FROM heartbeat.absences),
             actual AS (SELECT started_at, ended_at FROM absence)
         SELECT
            (SELECT count(*) FROM (SELECT * FROM actual EXCEPT ALL SELECT * FROM recorded) AS missing)
            + (SELECT count(*) FROM (SELECT * FROM recorded EXCEPT ALL SELECT * FROM actual) AS invented)
            + (SELECT count(*) FROM heartbeat.absences WHERE ended_by NOT IN (SELECT id FROM heartbeat.devices))"
    );
    assert_eq!(database.number(&wrong).await, 0, "absences");
    // Beats within a second are no absence, and nothing keeps the longest time between such.
    let microseconds = |interval: &str| {
        format!("(extract(epoch FROM GREATEST({interval}, interval '1 second')) * 1000000)::bigint")
    };
    let actual = format!("{ABSENCES} SELECT {} FROM gap", microseconds("max(ended_at - started_at)"));
    let stored = format!("SELECT {} FROM heartbeat.stats", microseconds("longest_absence"));
    assert_eq!(database.number(&stored).await, database.number(&actual).await, "longest absence");
    let miscounted = "
        SELECT count(*) FROM heartbeat.devices
        FULL JOIN (SELECT device, count(*) AS rows FROM heartbeat.beats GROUP BY device) AS beat
            ON beat.device = devices.id
        WHERE num_beats IS DISTINCT FROM COALESCE(beat.rows, 0)";
    assert_eq!(database.number(miscounted).await, 0, "counters");
}
