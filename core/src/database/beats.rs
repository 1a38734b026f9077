//! Recording beats. Their time is that of the database's clock: any number of processes share it, and a device's
//! history does not jump with the clock of the process that it happens to reach.

mod shortcut;

use time::OffsetDateTime;

use super::{connection::Connection, literal::Literal};
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

/// A [`CountedDevice`] as the statement answers. Times are microseconds since 1970: as text, which is how a pooler's session
/// answers, they would depend on the session's settings.
#[derive(sqlx::FromRow)]
struct CountedRow {
    #[sqlx(rename = "id!")]
    id: i64,
    #[sqlx(rename = "token_hash!")]
    token_hash: Vec<u8>,
    #[sqlx(rename = "num_beats!")]
    num_beats: i64,
    #[sqlx(rename = "last_beat!")]
    last_beat: i64,
    #[sqlx(rename = "recorded_at!")]
    recorded_at: i64,
    longest_absence: Option<i64>,
    #[sqlx(rename = "moved_stats!")]
    moved_stats: bool,
    #[sqlx(rename = "queued_events!")]
    queued_events: bool,
    beats_wanted: Option<bool>,
}

impl From<CountedRow> for CountedDevice {
    fn from(row: CountedRow) -> Self {
        Self {
            id: row.id,
            token_hash: row.token_hash,
            num_beats: row.num_beats,
            last_beat: time_at(row.last_beat),
            recorded_at: time_at(row.recorded_at),
            longest_absence: row.longest_absence,
            moved_stats: row.moved_stats,
            queued_events: row.queued_events,
            beats_wanted: row.beats_wanted,
        }
    }
}

/// Returns the time that is so many microseconds after 1970.
fn time_at(microseconds: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH.saturating_add(time::Duration::microseconds(microseconds))
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
    connection: &mut Connection,
    tokens: &[TokenHash],
    configured: &Subscriptions,
) -> Result<Vec<CountedDevice>, sqlx::Error> {
    let tokens: Vec<&[u8]> = tokens.iter().map(|token| &token.as_bytes()[..]).collect();
    let long_absence = LONG_ABSENCE.as_seconds_f64();
    let (channels, kinds) = (configured.channels(), configured.kinds());
    let rows: Vec<CountedRow> = if connection.is_pooled() {
        let tokens = Literal::ByteArrays(&tokens);
        let arguments =
            [tokens, Literal::Double(long_absence), Literal::Texts(channels), Literal::Texts(kinds)];
        connection.fetch_and_commit(include_str!("beats/record.sql"), &arguments).await?
    } else {
        sqlx::query_file_as!(
            CountedRow,
            "src/database/beats/record.sql",
            &tokens as _,
            long_absence,
            channels,
            kinds,
        )
        .fetch_all(connection)
        .await?
    };
    Ok(rows.into_iter().map(CountedDevice::from).collect())
}
