//! Beats that do nothing but count, recorded by statements that are shorter than [`record`](super::record): most beats,
//! under load nearly all of them.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::CountedDevice;
use crate::token::TokenHash;

/// Time after the last beat that `stats` knows of within which no absence can have ended: absences are whole seconds.
const ABSENCE_MIN: Duration = Duration::from_secs(1);

/// Results of an earlier [`record`](super::record), which may allow a [`Shortcut`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Known {
    /// Time of the latest beats that moved `stats`, by the database's clock, and when this process learned of it.
    pub stats_moved: Option<(OffsetDateTime, Instant)>,
    /// The latest [`CountedDevice::beats_wanted`].
    pub beats_wanted: bool,
}

impl Known {
    /// Time of the last beat in `stats`, if an absence has hardly ended since.
    fn recent_beat(self) -> Option<OffsetDateTime> {
        let (last_beat, learned_at) = self.stats_moved?;
        (learned_at.elapsed() < ABSENCE_MIN && !self.beats_wanted).then_some(last_beat)
    }
}

/// Beats that may be recorded by a shorter statement.
#[derive(Debug, Clone)]
pub struct Shortcut {
    /// The tokens, each once.
    tokens: Vec<TokenHash>,
    /// Number of beats of each token.
    beats: Vec<i64>,
    last_beat: OffsetDateTime,
}

impl Shortcut {
    /// Returns the shortcut for one beat of each of `tokens`, if there may be one.
    #[must_use]
    pub fn of(tokens: &[TokenHash], known: Known) -> Option<Self> {
        // The same second bounds how long a new subscription to beats goes unnoticed.
        let last_beat = known.recent_beat()?;
        let mut shortcut = Self { tokens: Vec::new(), beats: Vec::new(), last_beat };
        let mut positions = HashMap::new();
        for token in tokens {
            let position = *positions.entry(token).or_insert(shortcut.tokens.len());
            if position == shortcut.tokens.len() {
                shortcut.tokens.push(*token);
                shortcut.beats.push(0);
            }
            shortcut.beats[position] += 1;
        }
        Some(shortcut)
    }
}

/// A device that was counted by a statement that does nothing else.
fn counted(
    id: i64,
    token: TokenHash,
    num_beats: i64,
    last_beat: OffsetDateTime,
    recorded_at: OffsetDateTime,
) -> CountedDevice {
    CountedDevice {
        id,
        token_hash: token.as_bytes().to_vec(),
        num_beats,
        last_beat,
        recorded_at,
        longest_absence: None,
        moved_stats: false,
        queued_events: false,
        beats_wanted: None,
    }
}

/// Records beats, and nothing else: less than half of the work of [`record`](super::record). Returns `None`, having done
/// nothing, if that is not enough: by the database's clock it is not the second that began at the last beat.
pub async fn count(
    connection: &mut PgConnection,
    shortcut: &Shortcut,
) -> Result<Option<Vec<CountedDevice>>, sqlx::Error> {
    match (&shortcut.tokens[..], &shortcut.beats[..]) {
        ([token], [beats]) => count_one(connection, *token, *beats, shortcut.last_beat).await,
        (tokens, beats) => count_many(connection, tokens, beats, shortcut.last_beat).await,
    }
}

/// Records beats of one device. A statement of its own: it takes a third less time than that for many devices, which is
/// most of what PostgreSQL does for a beat that is alone.
async fn count_one(
    connection: &mut PgConnection,
    token: TokenHash,
    beats: i64,
    stats_last_beat: OffsetDateTime,
) -> Result<Option<Vec<CountedDevice>>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        WITH counted AS (
            UPDATE heartbeat.devices
            SET num_beats = LEAST(num_beats, 9007199254740991 - $2) + $2,
                last_beat = GREATEST(now(), CASE WHEN last_beat <= clock_timestamp() THEN last_beat END)
            WHERE token_hash = $1 AND now() >= $3 AND now() < $3 + interval '1 second'
            RETURNING id, num_beats, last_beat
        ), inserted AS (
            INSERT INTO heartbeat.beats (device, time_stamp) SELECT id, now() FROM counted, generate_series(1, $2)
        )
        SELECT
            now() >= $3 AND now() < $3 + interval '1 second' AS "soon_after!",
            now() AS "recorded_at!",
            id AS "id?",
            num_beats AS "num_beats?",
            last_beat AS "last_beat?"
        FROM (VALUES (0)) AS always LEFT JOIN counted ON true
        "#,
        token.as_bytes(),
        beats,
        stats_last_beat,
    )
    .fetch_one(connection)
    .await?;
    let device = || Some(counted(row.id?, token, row.num_beats?, row.last_beat?, row.recorded_at));
    Ok(row.soon_after.then(|| Vec::from_iter(device())))
}

/// Records beats of many devices, which it locks in the order of their ids, as [`record`](super::record) does. Few of
/// them have a second beat in a batch: to count up to one for each device took a twelfth of the statement's time. It
/// answers in one row, since one for each device took a fifth.
async fn count_many(
    connection: &mut PgConnection,
    tokens: &[TokenHash],
    beats: &[i64],
    stats_last_beat: OffsetDateTime,
) -> Result<Option<Vec<CountedDevice>>, sqlx::Error> {
    let hashes: Vec<&[u8]> = tokens.iter().map(|token| &token.as_bytes()[..]).collect();
    let row = sqlx::query!(
        r#"
        WITH recognized AS (
            SELECT device.id, beat.beats, beat.number
            FROM unnest($1::bytea[], $2::bigint[]) WITH ORDINALITY AS beat (token_hash, beats, number)
            JOIN heartbeat.devices AS device USING (token_hash)
            WHERE now() >= $3 AND now() < $3 + interval '1 second'
            ORDER BY device.id
            FOR NO KEY UPDATE OF device
        ), counted AS (
            UPDATE heartbeat.devices AS device
            SET num_beats = LEAST(device.num_beats, 9007199254740991 - new.beats) + new.beats,
                last_beat = GREATEST(
                    now(),
                    CASE WHEN device.last_beat <= clock_timestamp() THEN device.last_beat END
                )
            FROM recognized AS new
            WHERE device.id = new.id
            RETURNING device.id, new.beats, new.number, device.num_beats, device.last_beat
        ), inserted AS (
            INSERT INTO heartbeat.beats (device, time_stamp)
            SELECT id, now() FROM counted
            UNION ALL
            SELECT id, now() FROM counted, generate_series(2, beats) WHERE beats > 1
        )
        SELECT
            now() >= $3 AND now() < $3 + interval '1 second' AS "soon_after!",
            now() AS "recorded_at!",
            COALESCE(array_agg(id), '{}') AS "ids!",
            COALESCE(array_agg(number), '{}') AS "numbers!",
            COALESCE(array_agg(num_beats), '{}') AS "num_beats!",
            COALESCE(array_agg(last_beat), '{}') AS "last_beats!"
        FROM counted
        "#,
        &hashes as _,
        beats,
        stats_last_beat,
    )
    .fetch_one(connection)
    .await?;
    let devices = row.ids.iter().zip(&row.numbers).zip(row.num_beats.iter().zip(&row.last_beats));
    let devices = devices.filter_map(|((id, number), (num_beats, last_beat))| {
        // Numbers begin with 1.
        let token = tokens.get(usize::try_from(*number).ok()?.checked_sub(1)?)?;
        Some(counted(*id, *token, *num_beats, *last_beat, row.recorded_at))
    });
    Ok(row.soon_after.then(|| devices.collect()))
}
