//! Import: reads a dump into an empty database.

use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use time::OffsetDateTime;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

use super::{
    DumpError, connect,
    line::{Count, Line, VERSION},
};
use crate::{
    database::{error::DatabaseError, migrate, rebuild_counters::rebuild_counters},
    progress::{Observer, Progress},
};

/// Maximum length of a line. No line of a dump is longer, but a file of another format may be one long line.
const LINE_MAX_BYTES: u64 = 1 << 20;

/// Number of beats that one statement inserts.
const BATCH_CAPACITY: usize = 10_000;

/// Reads a dump into a database that is empty or has no tables yet: all of it, or, on an error, nothing. Memory does
/// not grow with the data.
pub async fn import(
    options: &PgConnectOptions,
    input: impl AsyncBufRead + Unpin,
    observer: &mut impl Observer,
) -> Result<Count, DumpError> {
    let mut connection = connect(options).await?;
    migrate::ensure(&mut connection).await?;
    let mut transaction = connection.begin().await?;
    require_empty(&mut transaction).await?;
    let mut reader = Reader { input, line: Vec::new(), number: 0 };
    let count = read_all(&mut transaction, &mut reader, observer).await?;
    observer.observe(Progress { step: "counting beats", done: 0, total: None });
    rebuild_counters(&mut transaction).await?;
    transaction.commit().await?;
    Ok(count)
}

/// Locks the tables, and checks that they are empty.
async fn require_empty(connection: &mut PgConnection) -> Result<(), DumpError> {
    sqlx::raw_sql(
        "
        SET LOCAL lock_timeout = '10s';
        LOCK TABLE heartbeat.devices, heartbeat.beats, heartbeat.stats IN ACCESS EXCLUSIVE MODE;
        ",
    )
    .execute(&mut *connection)
    .await?;
    let empty = sqlx::query_scalar!(
        r#"
        SELECT NOT EXISTS (SELECT FROM heartbeat.devices) AND NOT EXISTS (SELECT FROM heartbeat.beats)
            AS "empty!"
        "#
    )
    .fetch_one(connection)
    .await?;
    if empty { Ok(()) } else { Err(DumpError::NotEmpty) }
}

/// Reader of lines.
struct Reader<R> {
    input: R,
    line: Vec<u8>,
    /// Number of the line, counted from 1.
    number: u64,
}

impl<R: AsyncBufRead + Unpin> Reader<R> {
    /// Returns the next line, if there is one.
    async fn next(&mut self) -> Result<Option<Line<'_>>, DumpError> {
        self.line.clear();
        self.number += 1;
        let length = (&mut self.input).take(LINE_MAX_BYTES).read_until(b'\n', &mut self.line).await?;
        if length == 0 {
            return Ok(None);
        }
        let number = self.number;
        serde_json::from_slice(&self.line).map(Some).map_err(|error| {
            // serde_json counts lines from the start of this one.
            let problem = error.to_string();
            let problem = problem.split(" at line ").next().unwrap_or_default();
            DumpError::Line { number, problem: format!("not a line of an export: {problem}") }
        })
    }

    /// Returns the error for the current line.
    fn error(&self, problem: impl Into<String>) -> DumpError {
        DumpError::Line { number: self.number, problem: problem.into() }
    }
}

/// Reads all lines into the database, and returns the numbers of rows.
async fn read_all(
    connection: &mut PgConnection,
    reader: &mut Reader<impl AsyncBufRead + Unpin>,
    observer: &mut impl Observer,
) -> Result<Count, DumpError> {
    match reader.next().await? {
        Some(Line::HeartbeatExport { version: 1..=VERSION }) => {}
        Some(Line::HeartbeatExport { version }) => {
            return Err(reader.error(format!("version {version} of the format needs a newer Heartbeat")));
        }
        _ => return Err(reader.error("an export begins with a line that says so")),
    }
    let mut beats = BeatBatch::default();
    let mut count = Count::default();
    let mut stats = 0;
    loop {
        let number = reader.number + 1;
        let added = match reader.next().await? {
            Some(Line::Beat { device, time_stamp }) => {
                beats.devices.push(device);
                beats.times.push(time_stamp);
                count.beats += 1;
                if beats.times.len() < BATCH_CAPACITY {
                    continue;
                }
                observer.observe(Progress { step: "reading beats", done: count.beats, total: None });
                beats.insert(connection).await
            }
            Some(Line::Device { id, name, token_hash }) => {
                count.devices += 1;
                insert_device(connection, id, name.as_deref(), &token_hash).await
            }
            Some(Line::Absence { ended_by, started_at, ended_at }) => {
                count.absences += 1;
                insert_absence(connection, ended_by, started_at, ended_at).await
            }
            Some(Line::Stats { total_visits, server_start_time, longest_absence_microseconds }) => {
                stats += 1;
                set_stats(connection, total_visits, server_start_time, longest_absence_microseconds).await
            }
            Some(Line::HeartbeatExport { .. }) => return Err(reader.error("a second export begins")),
            Some(Line::End(expected)) if expected == count && stats == 1 => {
                beats.insert(connection).await?;
                break;
            }
            Some(Line::End(_)) => return Err(reader.error("other lines were written than are here")),
            None => return Err(reader.error("the file was cut off before its last line")),
        };
        added.map_err(|error| line_error(number, error))?;
    }
    match reader.next().await? {
        None => Ok(count),
        Some(_) => Err(reader.error("nothing may follow the end")),
    }
}

/// Returns the error for a line that the database refused, or for the last line of a batch of beats.
fn line_error(number: u64, error: sqlx::Error) -> DumpError {
    let error = DatabaseError::from(error);
    if error.is_ours() { DumpError::Line { number, problem: error.to_string() } } else { error.into() }
}

/// Batch of beats that one statement inserts.
#[derive(Default)]
struct BeatBatch {
    devices: Vec<i64>,
    times: Vec<OffsetDateTime>,
}

impl BeatBatch {
    /// Inserts the batch and empties it.
    async fn insert(&mut self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query!(
            "
            INSERT INTO heartbeat.beats (device, time_stamp)
            SELECT device, time_stamp FROM unnest($1::bigint[], $2::timestamptz[]) AS beat (device, time_stamp)
            ",
            &self.devices,
            &self.times,
        )
        .execute(connection)
        .await?;
        self.devices.clear();
        self.times.clear();
        Ok(())
    }
}

async fn insert_device(
    connection: &mut PgConnection,
    id: i64,
    name: Option<&str>,
    token_hash: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO heartbeat.devices (id, name, token_hash) VALUES ($1, $2, decode($3, 'hex'))",
        id,
        name,
        token_hash,
    )
    .execute(connection)
    .await
    .map(drop)
}

async fn insert_absence(
    connection: &mut PgConnection,
    ended_by: i64,
    started_at: OffsetDateTime,
    ended_at: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO heartbeat.absences (ended_by, started_at, ended_at) VALUES ($1, $2, $3)",
        ended_by,
        started_at,
        ended_at,
    )
    .execute(connection)
    .await
    .map(drop)
}

async fn set_stats(
    connection: &mut PgConnection,
    total_visits: i64,
    server_start_time: OffsetDateTime,
    longest_absence_microseconds: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        UPDATE heartbeat.stats
        SET total_visits = $1, server_start_time = $2, longest_absence = ($3::bigint || ' microseconds')::interval
        ",
        total_visits,
        server_start_time,
        longest_absence_microseconds,
    )
    .execute(connection)
    .await
    .map(drop)
}
