//! Recording beats. Their time is that of the database's clock: any number of processes share it, and a device's
//! history does not jump with the clock of the process that it happens to reach.

mod shortcut;

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::{
    notify::{event::LONG_ABSENCE, subscriptions::Subscriptions},
    token::TokenHash,
};
pub use shortcut::{Known, Shortcut, count};

/// A device that beat, as the database has it right after.
#[derive(Debug)]
pub struct CountedDevice {
    /// Device id.
    pub id: i64,
    /// Hash of its token, which tells which beats were accepted.
    pub token_hash: Vec<u8>,
    /// All its beats so far.
    pub num_beats: i64,
    /// Time of its last beat.
    pub last_beat: OffsetDateTime,
    /// Time at which its new beats were recorded: the same, unless another process recorded a later one.
    pub recorded_at: OffsetDateTime,
    /// The longest absence in seconds, if these beats came a second or more after the one before.
    pub longest_absence: Option<i64>,
    /// Whether these beats are the last ones that `stats` knows of.
    pub moved_stats: bool,
    /// Whether events were put into the outbox.
    pub queued_events: bool,
    /// Whether a channel subscribes to every beat; `None` if that was not looked up.
    pub beats_wanted: Option<bool>,
}

/// Records one beat for each of `tokens`, in the order of their arrival, in one statement and one commit: finds the
/// devices, adds a row for each beat, counts it, keeps the longest absence, and puts events into the outbox that the
/// `configured` channels or those in the database subscribe to. Returns the devices that were recognized; beats with any
/// other token leave no trace.
///
/// Devices are locked in the order of their ids, and the one row of `stats` last, so that processes cannot
/// deadlock. `stats` is written only when the last beat it knows is a second old: absences are whole seconds,
/// and the beats of many processes need not queue for one row. The process that does write it is, by that, the
/// one that ended the absence: another that waited for the row finds the condition gone. So an absence of more
/// than an hour is recorded, and notified, once, however many processes record beats at the same time.
///
/// Stored times that lie in the future are overruled. If the last beat that `stats` knows of is one of them, it is
/// not known when it was, so no absence has ended. Counts stop at the largest number that is exact in JavaScript.
pub async fn record(
    connection: &mut PgConnection,
    tokens: &[TokenHash],
    configured: &Subscriptions,
) -> Result<Vec<CountedDevice>, sqlx::Error> {
    let tokens: Vec<&[u8]> = tokens.iter().map(|token| &token.as_bytes()[..]).collect();
    sqlx::query_as!(
        CountedDevice,
        r#"
        WITH recognized AS (
            SELECT id, token_hash
            FROM heartbeat.devices
            WHERE token_hash = ANY ($1)
            ORDER BY id
            FOR NO KEY UPDATE
        ), accepted AS (
            SELECT recognized.id, beat.number
            FROM unnest($1::bytea[]) WITH ORDINALITY AS beat (token_hash, number)
            JOIN recognized USING (token_hash)
        ), inserted AS (
            INSERT INTO heartbeat.beats (device, time_stamp) SELECT id, now() FROM accepted
        ), counted AS (
            UPDATE heartbeat.devices AS device
            SET num_beats = LEAST(device.num_beats, 9007199254740991 - new.beats) + new.beats,
                last_beat = GREATEST(
                    now(),
                    CASE WHEN device.last_beat <= clock_timestamp() THEN device.last_beat END
                )
            FROM (SELECT id, count(*) AS beats FROM accepted GROUP BY id) AS new
            WHERE device.id = new.id
            RETURNING device.id, device.token_hash, device.num_beats, device.last_beat
        ), batch AS (
            SELECT (array_agg(id ORDER BY number))[1] AS first_device FROM accepted
        ), updated_stats AS (
            UPDATE heartbeat.stats
            -- All devices are looked at only here, at most once a second, and as of before this statement.
            SET (last_beat, silent_since, longest_absence) = (
                SELECT now(), previous.time, GREATEST(stats.longest_absence, now() - previous.time)
                FROM (
                    SELECT CASE
                        WHEN stats.last_beat IS NULL OR stats.last_beat BETWEEN 'epoch' AND clock_timestamp()
                        THEN GREATEST(stats.last_beat, max(last_beat))
                    END AS time
                    FROM heartbeat.devices
                    WHERE last_beat BETWEEN 'epoch' AND clock_timestamp()
                ) AS previous
            )
            FROM batch
            WHERE batch.first_device IS NOT NULL
              AND (
                  stats.last_beat IS NULL
                  OR now() >= stats.last_beat + interval '1 second'
                  OR stats.last_beat > clock_timestamp()
              )
            RETURNING
                floor(extract(epoch FROM
                    GREATEST(LEAST(stats.longest_absence, interval '9999 years'), interval '0')
                ))::bigint AS longest_absence,
                stats.silent_since,
                batch.first_device
        ), ended AS (
            INSERT INTO heartbeat.absences (ended_by, started_at, ended_at)
            SELECT first_device, silent_since, now()
            FROM updated_stats
            WHERE now() - silent_since > make_interval(secs => $2)
            RETURNING ended_by, started_at, ended_at
        ), subscription AS MATERIALIZED (
            SELECT channel, kind FROM unnest($3::text[], $4::text[]) AS configured (channel, kind)
            UNION ALL
            SELECT channel, kind FROM heartbeat.subscriptions
        ), queued AS (
            INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload)
            SELECT channel, kind, now(), payload FROM (
                SELECT 0 AS number, channel, kind,
                    jsonb_build_object('device', ended_by, 'started_at', started_at) AS payload
                FROM ended JOIN subscription ON kind = 'absence.ended'
                UNION ALL
                SELECT number, channel, kind, jsonb_build_object('device', id)
                FROM accepted JOIN subscription ON kind = 'beat'
            ) AS event
            ORDER BY number
            RETURNING id
        )
        SELECT
            counted.id AS "id!",
            counted.token_hash AS "token_hash!",
            counted.num_beats AS "num_beats!",
            counted.last_beat AS "last_beat!",
            now() AS "recorded_at!",
            updated_stats.longest_absence,
            updated_stats.first_device IS NOT NULL AS "moved_stats!",
            EXISTS (SELECT FROM queued) AS "queued_events!",
            EXISTS (SELECT FROM subscription WHERE kind = 'beat') AS beats_wanted
        FROM counted LEFT JOIN updated_stats ON true
        "#,
        &tokens as _,
        LONG_ABSENCE.as_seconds_f64(),
        configured.channels(),
        configured.kinds(),
    )
    .fetch_all(connection)
    .await
}
