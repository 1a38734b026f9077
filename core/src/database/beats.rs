//! Recording beats.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::token::TokenHash;

/// A device that beat, with its figures right after.
#[derive(Debug)]
pub struct Counted {
    /// Its id.
    pub id: i64,
    /// Its token's hash, which tells whose beats of the batch were accepted.
    pub token_hash: Vec<u8>,
    /// All its beats so far.
    pub num_beats: i64,
    /// The time of its last beat.
    pub last_beat: OffsetDateTime,
    /// The longest absence in seconds, if this batch came after a second or more of silence.
    pub longest_absence: Option<i64>,
}

/// Records a batch of beats, each a token and a time, in one statement and one commit: finds the
/// devices by their tokens, adds a row for each beat, counts it, and keeps the longest absence.
/// Returns the devices that were recognised; beats with any other token leave no trace.
///
/// The times of a batch must span less than a second, so that no absence that counts can lie
/// within it.
///
/// Devices are locked in the order of their ids, and the one row of `stats` last, so that two
/// processes never wait for each other in a circle. `stats` is written only when the last beat it
/// knows is a second old: absences are whole seconds, and the beats of many processes need not
/// queue for one row. The process that does write it is, by that, the one that ended the absence:
/// another that waited for the row finds the condition gone.
pub async fn record(
    connection: &mut PgConnection,
    tokens: &[TokenHash],
    times: &[OffsetDateTime],
) -> Result<Vec<Counted>, sqlx::Error> {
    let tokens: Vec<&[u8]> = tokens.iter().map(|token| &token.as_bytes()[..]).collect();
    sqlx::query_as!(
        Counted,
        r#"
        WITH recognised AS (
            SELECT id, token_hash
            FROM heartbeat.devices
            WHERE token_hash = ANY ($1)
            ORDER BY id
            FOR NO KEY UPDATE
        ), accepted AS (
            SELECT recognised.id, beat.time_stamp
            FROM unnest($1::bytea[], $2::timestamptz[]) AS beat (token_hash, time_stamp)
            JOIN recognised USING (token_hash)
        ), inserted AS (
            INSERT INTO heartbeat.beats (device, time_stamp)
            SELECT id, time_stamp FROM accepted
        ), counted AS (
            UPDATE heartbeat.devices AS device
            SET num_beats = device.num_beats + new.beats,
                last_beat = GREATEST(device.last_beat, new.latest)
            FROM (
                SELECT id, count(*) AS beats, max(time_stamp) AS latest FROM accepted GROUP BY id
            ) AS new
            WHERE device.id = new.id
            RETURNING device.id, device.token_hash, device.num_beats, device.last_beat
        ), noted AS (
            UPDATE heartbeat.stats
            SET last_beat = batch.latest,
                longest_absence = GREATEST(
                    stats.longest_absence,
                    batch.earliest - GREATEST(
                        stats.last_beat,
                        -- As of before this statement.
                        (SELECT max(last_beat) FROM heartbeat.devices)
                    )
                )
            FROM (
                SELECT min(time_stamp) AS earliest, max(time_stamp) AS latest FROM accepted
            ) AS batch
            WHERE batch.latest >= stats.last_beat + interval '1 second'
               OR batch.latest IS NOT NULL AND stats.last_beat IS NULL
            RETURNING floor(extract(epoch FROM stats.longest_absence))::bigint AS longest_absence
        )
        SELECT
            counted.id AS "id!",
            counted.token_hash AS "token_hash!",
            counted.num_beats AS "num_beats!",
            counted.last_beat AS "last_beat!",
            noted.longest_absence
        FROM counted LEFT JOIN noted ON true
        "#,
        &tokens as _,
        times,
    )
    .fetch_all(connection)
    .await
}
