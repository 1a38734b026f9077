//! Recording beats.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::{
    notify::{event::LONG_ABSENCE, subscriptions::Subscriptions},
    token::TokenHash,
};

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
    /// The longest absence in seconds, if these beats came a second or more after the one before.
    pub longest_absence: Option<i64>,
    /// Last beat of any device that `stats` knows of, if these beats moved it.
    pub stats_last_beat: Option<OffsetDateTime>,
    /// Whether events were put into the outbox.
    pub queued_events: bool,
    /// Whether a channel subscribes to every beat; `None` if that was not looked up.
    pub beats_wanted: Option<bool>,
}

/// Beats to record with one statement: those of `tokens[n]` at `times[n]`.
#[derive(Debug, Default)]
pub struct NewBeats {
    /// Hashes of the tokens presented.
    pub tokens: Vec<TokenHash>,
    /// Times of the beats, all within less than a second, so that no absence that counts can lie between them.
    pub times: Vec<OffsetDateTime>,
}

impl NewBeats {
    /// The token of all beats, if it is the same.
    fn only_token(&self) -> Option<&TokenHash> {
        let (first, rest) = self.tokens.split_first()?;
        rest.iter().all(|token| token == first).then_some(first)
    }

    /// Whether no absence can have ended with these beats, given a beat at `last`.
    fn are_soon_after(&self, last: OffsetDateTime) -> bool {
        self.times.iter().all(|time| *time < last + Duration::SECOND)
    }
}

/// Results of an earlier [`record`], which may allow the shorter statement.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known {
    /// The latest [`CountedDevice::stats_last_beat`].
    pub stats_last_beat: Option<OffsetDateTime>,
    /// The latest [`CountedDevice::beats_wanted`].
    pub beats_wanted: bool,
}

/// Records beats in one statement and one commit. Returns the devices that were recognized; beats with any
/// other token leave no trace. Events that the `configured` channels or those in the database subscribe to are
/// put into the outbox.
pub async fn record(
    connection: &mut PgConnection,
    beats: &NewBeats,
    configured: &Subscriptions,
    known: Known,
) -> Result<Vec<CountedDevice>, sqlx::Error> {
    // `stats.last_beat` only ever moves forward, so within a second of it no absence can have ended. The same
    // second bounds how long a new subscription to beats goes unnoticed.
    let soon_after = known.stats_last_beat.is_some_and(|last| beats.are_soon_after(last));
    match beats.only_token() {
        Some(token) if soon_after && !known.beats_wanted => {
            count(connection, token, &beats.times).await.map(Vec::from_iter)
        }
        _ => count_and_update_stats(connection, beats, configured).await,
    }
}

/// Records beats of one device, and nothing else: less than half of the work of [`count_and_update_stats`].
async fn count(
    connection: &mut PgConnection,
    token: &TokenHash,
    times: &[OffsetDateTime],
) -> Result<Option<CountedDevice>, sqlx::Error> {
    sqlx::query_as!(
        CountedDevice,
        r#"
        WITH counted AS (
            UPDATE heartbeat.devices
            SET num_beats = num_beats + cardinality($2::timestamptz[]), last_beat = GREATEST(last_beat, $3)
            WHERE token_hash = $1
            RETURNING id, token_hash, num_beats, last_beat
        ), inserted AS (
            INSERT INTO heartbeat.beats (device, time_stamp) SELECT id, unnest($2) FROM counted
        )
        SELECT
            id,
            token_hash,
            num_beats,
            last_beat AS "last_beat!",
            NULL::bigint AS longest_absence,
            NULL::timestamptz AS stats_last_beat,
            false AS "queued_events!",
            NULL::boolean AS beats_wanted
        FROM counted
        "#,
        token.as_bytes(),
        times,
        times.iter().max(),
    )
    .fetch_optional(connection)
    .await
}

/// Records beats: finds the devices by their tokens, adds a row for each beat, counts it, keeps the longest
/// absence, and puts events into the outbox.
///
/// Devices are locked in the order of their ids, and the one row of `stats` last, so that processes cannot
/// deadlock. `stats` is written only when the last beat it knows is a second old: absences are whole seconds,
/// and the beats of many processes need not queue for one row. The process that does write it is, by that, the
/// one that ended the absence: another that waited for the row finds the condition gone. So an absence of more
/// than an hour is recorded, and notified, once, however many processes record beats at the same time.
async fn count_and_update_stats(
    connection: &mut PgConnection,
    beats: &NewBeats,
    configured: &Subscriptions,
) -> Result<Vec<CountedDevice>, sqlx::Error> {
    let tokens: Vec<&[u8]> = beats.tokens.iter().map(|token| &token.as_bytes()[..]).collect();
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
            SELECT recognized.id, beat.time_stamp
            FROM unnest($1::bytea[], $2::timestamptz[]) AS beat (token_hash, time_stamp)
            JOIN recognized USING (token_hash)
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
        ), batch AS (
            SELECT
                min(time_stamp) AS earliest,
                max(time_stamp) AS latest,
                (array_agg(id ORDER BY time_stamp))[1] AS first_device
            FROM accepted
        ), updated_stats AS (
            UPDATE heartbeat.stats
            -- All devices are looked at only here, at most once a second, and as of before this statement.
            SET last_beat = batch.latest,
                silent_since = GREATEST(stats.last_beat, (SELECT max(last_beat) FROM heartbeat.devices)),
                longest_absence = GREATEST(
                    stats.longest_absence,
                    batch.earliest
                        - GREATEST(stats.last_beat, (SELECT max(last_beat) FROM heartbeat.devices))
                )
            FROM batch
            WHERE batch.latest >= stats.last_beat + interval '1 second'
               OR batch.latest IS NOT NULL AND stats.last_beat IS NULL
            RETURNING
                floor(extract(epoch FROM stats.longest_absence))::bigint AS longest_absence,
                stats.last_beat,
                stats.silent_since,
                batch.earliest,
                batch.first_device
        ), ended AS (
            INSERT INTO heartbeat.absences (ended_by, started_at, ended_at)
            SELECT first_device, silent_since, earliest
            FROM updated_stats
            WHERE earliest - silent_since > make_interval(secs => $3)
            RETURNING ended_by, started_at, ended_at
        ), subscription AS MATERIALIZED (
            SELECT channel, kind FROM unnest($4::text[], $5::text[]) AS configured (channel, kind)
            UNION ALL
            SELECT channel, kind FROM heartbeat.subscriptions
        ), queued AS (
            INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload)
            SELECT channel, kind, happened_at, payload
            FROM (
                SELECT channel, kind, ended_at AS happened_at,
                    jsonb_build_object('device', ended_by, 'started_at', started_at) AS payload
                FROM ended JOIN subscription ON kind = 'absence.ended'
                UNION ALL
                SELECT channel, kind, time_stamp, jsonb_build_object('device', id)
                FROM accepted JOIN subscription ON kind = 'beat'
            ) AS event
            ORDER BY happened_at, kind
            RETURNING id
        )
        SELECT
            counted.id AS "id!",
            counted.token_hash AS "token_hash!",
            counted.num_beats AS "num_beats!",
            counted.last_beat AS "last_beat!",
            updated_stats.longest_absence,
            updated_stats.last_beat AS stats_last_beat,
            EXISTS (SELECT FROM queued) AS "queued_events!",
            EXISTS (SELECT FROM subscription WHERE kind = 'beat') AS beats_wanted
        FROM counted LEFT JOIN updated_stats ON true
        "#,
        &tokens as _,
        &beats.times,
        LONG_ABSENCE.as_seconds_f64(),
        configured.channels(),
        configured.kinds(),
    )
    .fetch_all(connection)
    .await
}
