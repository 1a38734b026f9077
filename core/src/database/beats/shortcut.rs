//! Beats that do nothing but count, recorded by statements that are shorter than [`record`](super::record): most beats,
//! under load nearly all of them.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use time::OffsetDateTime;

use super::{CountedDevice, time_at};
use crate::{
    database::{Connection, literal::Literal},
    token::TokenHash,
};

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
    connection: &mut Connection,
    shortcut: &Shortcut,
) -> Result<Option<Vec<CountedDevice>>, sqlx::Error> {
    match (&shortcut.tokens[..], &shortcut.beats[..]) {
        ([token], [beats]) => count_one(connection, *token, *beats, shortcut.last_beat).await,
        (tokens, beats) => count_many(connection, tokens, beats, shortcut.last_beat).await,
    }
}

/// What the statement for one device answers; times are microseconds since 1970.
#[derive(sqlx::FromRow)]
struct OneCounted {
    #[sqlx(rename = "soon_after!")]
    soon_after: bool,
    #[sqlx(rename = "recorded_at!")]
    recorded_at: i64,
    #[sqlx(rename = "id?")]
    id: Option<i64>,
    #[sqlx(rename = "num_beats?")]
    num_beats: Option<i64>,
    #[sqlx(rename = "last_beat?")]
    last_beat: Option<i64>,
}

/// Records beats of one device. A statement of its own: it takes a third less time than that for many devices, which is
/// most of what PostgreSQL does for a beat that is alone.
async fn count_one(
    connection: &mut Connection,
    token: TokenHash,
    beats: i64,
    stats_last_beat: OffsetDateTime,
) -> Result<Option<Vec<CountedDevice>>, sqlx::Error> {
    let row = if connection.is_pooled() {
        let arguments =
            [Literal::Bytes(token.as_bytes()), Literal::Number(beats), Literal::Time(stats_last_beat)];
        connection.fetch_and_commit(include_str!("count_one.sql"), &arguments).await?.pop()
    } else {
        sqlx::query_file_as!(
            OneCounted,
            "src/database/beats/count_one.sql",
            token.as_bytes(),
            beats,
            stats_last_beat,
        )
        .fetch_optional(connection)
        .await?
    };
    let Some(row) = row else { return Ok(None) };
    let device =
        || Some(counted(row.id?, token, row.num_beats?, time_at(row.last_beat?), time_at(row.recorded_at)));
    Ok(row.soon_after.then(|| Vec::from_iter(device())))
}

/// What the statement for many devices answers, times in microseconds since 1970: in each list, one item for each device that was counted.
#[derive(sqlx::FromRow)]
struct ManyCounted {
    #[sqlx(rename = "soon_after!")]
    soon_after: bool,
    #[sqlx(rename = "recorded_at!")]
    recorded_at: i64,
    #[sqlx(rename = "ids!")]
    ids: Vec<i64>,
    /// Positions of their tokens, which begin with 1.
    #[sqlx(rename = "numbers!")]
    numbers: Vec<i64>,
    #[sqlx(rename = "num_beats!")]
    num_beats: Vec<i64>,
    #[sqlx(rename = "last_beats!")]
    last_beats: Vec<i64>,
}

/// Records beats of many devices, which it locks in the order of their ids, as [`record`](super::record) does. Few of
/// them have a second beat in a batch: to count up to one for each device took a twelfth of the statement's time. It
/// answers in one row, since one for each device took a fifth.
async fn count_many(
    connection: &mut Connection,
    tokens: &[TokenHash],
    beats: &[i64],
    stats_last_beat: OffsetDateTime,
) -> Result<Option<Vec<CountedDevice>>, sqlx::Error> {
    let hashes: Vec<&[u8]> = tokens.iter().map(|token| &token.as_bytes()[..]).collect();
    let row = if connection.is_pooled() {
        let arguments =
            [Literal::ByteArrays(&hashes), Literal::Numbers(beats), Literal::Time(stats_last_beat)];
        connection.fetch_and_commit(include_str!("count_many.sql"), &arguments).await?.pop()
    } else {
        sqlx::query_file_as!(
            ManyCounted,
            "src/database/beats/count_many.sql",
            &hashes as _,
            beats,
            stats_last_beat,
        )
        .fetch_optional(connection)
        .await?
    };
    let Some(row) = row else { return Ok(None) };
    let devices = row.ids.iter().zip(&row.numbers).zip(row.num_beats.iter().zip(&row.last_beats));
    let devices = devices.filter_map(|((id, number), (num_beats, last_beat))| {
        let token = tokens.get(usize::try_from(*number).ok()?.checked_sub(1)?)?;
        Some(counted(*id, *token, *num_beats, time_at(*last_beat), time_at(row.recorded_at)))
    });
    Ok(row.soon_after.then(|| devices.collect()))
}
