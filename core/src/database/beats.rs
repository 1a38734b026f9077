//! Recording beats.

use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use crate::{
    event::{Audience, LONG_ABSENCE},
    token::TokenHash,
};

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
    /// The last beat that `stats` knows of, if this batch moved it.
    pub noted: Option<OffsetDateTime>,
    /// Whether this batch ended an absence of more than an hour.
    pub ended_absence: bool,
}

/// Beats to be recorded in one commit: those of `tokens[n]` at `times[n]`.
#[derive(Debug, Default)]
pub struct Batch {
    /// Who beats.
    pub tokens: Vec<TokenHash>,
    /// When. All within less than a second, so that no absence that counts can lie between them.
    pub times: Vec<OffsetDateTime>,
}

impl Batch {
    /// The token of all beats, if it is the same.
    fn only_token(&self) -> Option<&TokenHash> {
        let (first, rest) = self.tokens.split_first()?;
        rest.iter().all(|token| token == first).then_some(first)
    }

    /// Whether no silence can have ended with these beats, given a beat at `noted`.
    fn is_soon_after(&self, noted: OffsetDateTime) -> bool {
        self.times.iter().all(|time| *time < noted + Duration::SECOND)
    }
}

/// Records beats in one statement and one commit. Returns the devices that were recognised; beats with any
/// other token leave no trace. What `audience` wants to be told is written into the outbox. `noted` is a
/// value that [`Counted::noted`] once had.
pub async fn record(
    connection: &mut PgConnection,
    batch: &Batch,
    audience: &Audience,
    noted: Option<OffsetDateTime>,
) -> Result<Vec<Counted>, sqlx::Error> {
    // What `stats` knows only ever moves forward: it need not be asked whether a silence has ended.
    let soon_after = noted.is_some_and(|noted| batch.is_soon_after(noted));
    match batch.only_token() {
        Some(token) if soon_after && audience.beats.is_empty() => {
            count(connection, token, &batch.times).await.map(Vec::from_iter)
        }
        _ => record_and_note(connection, batch, audience).await,
    }
}

/// Records beats of one device, and nothing else: less than half of the work of [`record_and_note`].
async fn count(
    connection: &mut PgConnection,
    token: &TokenHash,
    times: &[OffsetDateTime],
) -> Result<Option<Counted>, sqlx::Error> {
    sqlx::query_as!(
        Counted,
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
            NULL::timestamptz AS noted,
            false AS "ended_absence!"
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
/// absence, and writes down what is to be told.
///
/// Devices are locked in the order of their ids, and the one row of `stats` last, so that two
/// processes never wait for each other in a circle. `stats` is written only when the last beat it
/// knows is a second old: absences are whole seconds, and the beats of many processes need not
/// queue for one row. The process that does write it is, by that, the one that ended the absence:
/// another that waited for the row finds the condition gone. So an absence of more than an hour is kept,
/// and told, once, whoever else beats at the same time.
async fn record_and_note(
    connection: &mut PgConnection,
    batch: &Batch,
    audience: &Audience,
) -> Result<Vec<Counted>, sqlx::Error> {
    let tokens: Vec<&[u8]> = batch.tokens.iter().map(|token| &token.as_bytes()[..]).collect();
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
        ), batch AS (
            SELECT
                min(time_stamp) AS earliest,
                max(time_stamp) AS latest,
                (array_agg(id ORDER BY time_stamp))[1] AS first_device
            FROM accepted
        ), noted AS (
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
            FROM noted
            WHERE earliest - silent_since > make_interval(secs => $3)
            RETURNING ended_by, started_at, ended_at
        ), told AS (
            INSERT INTO heartbeat.events (receiver, kind, device, happened_at, since)
            SELECT receiver, kind, device, happened_at, since
            FROM (
                SELECT receiver, 'absence_ended' AS kind, ended_by AS device, ended_at AS happened_at,
                    started_at AS since
                FROM ended, unnest($4::text[]) AS receiver
                UNION ALL
                SELECT receiver, 'beat', id, time_stamp, NULL
                FROM accepted, unnest($5::text[]) AS receiver
            ) AS event
            ORDER BY happened_at, kind
        )
        SELECT
            counted.id AS "id!",
            counted.token_hash AS "token_hash!",
            counted.num_beats AS "num_beats!",
            counted.last_beat AS "last_beat!",
            noted.longest_absence,
            noted.last_beat AS noted,
            EXISTS (SELECT FROM ended) AS "ended_absence!"
        FROM counted LEFT JOIN noted ON true
        "#,
        &tokens as _,
        &batch.times,
        LONG_ABSENCE.as_seconds_f64(),
        &audience.absences,
        &audience.beats,
    )
    .fetch_all(connection)
    .await
}
