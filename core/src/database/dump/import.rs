//! Import: reads a dump into an empty database.

use time::OffsetDateTime;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

use super::{
    DumpError,
    check::{self, Checked, Ids},
    line::{Count, Line, VERSION},
};
use crate::{
    database::{Connection, Target, error::DatabaseError, migrate, rebuild_counters::rebuild_counters},
    device::DeviceName,
    progress::{Observer, Progress},
};

/// Maximum length of a line. No line of a dump is longer, but a file of another format may be one long line.
const LINE_MAX_BYTES: u64 = 1 << 20;

/// Number of beats that one statement inserts.
const BATCH_CAPACITY: usize = 10_000;

/// Reads a dump into a database that is empty or has no tables yet: all of it, or, on an error, nothing. Memory does
/// not grow with the data.
pub async fn import(
    target: &Target,
    input: impl AsyncBufRead + Unpin,
    observer: &mut impl Observer,
) -> Result<Count, DumpError> {
    let mut connection = Connection::open(target).await?;
    migrate::ensure(&mut connection).await?;
    connection.begin("BEGIN").await?;
    require_empty(&mut connection).await?;
    let mut reader = Reader { input, line: Vec::new(), number: 0 };
    let version = reader.read_header().await?;
    // An export that is still being written began before this.
    let now = sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#).fetch_one(&mut connection).await?;
    let mut rows =
        Rows { ids: Ids::new(version), beats: BeatBatch::default(), count: Count::default(), stats: 0, now };
    let count = read_all(&mut connection, &mut reader, &mut rows, observer).await?;
    insert_former_ids(&mut connection, &rows.ids).await?;
    observer.observe(Progress { step: "counting beats", done: 0, total: None });
    rebuild_counters(&mut connection).await?;
    connection.commit().await?;
    Ok(count)
}

/// Locks the tables, and checks that they are empty.
async fn require_empty(connection: &mut Connection) -> Result<(), DumpError> {
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

    /// Reads the first line; returns the version of the format.
    async fn read_header(&mut self) -> Result<u32, DumpError> {
        match self.next().await? {
            Some(Line::HeartbeatExport { version: version @ 1..=VERSION }) => Ok(version),
            Some(Line::HeartbeatExport { version }) => {
                Err(self.error(format!("version {version} of the format needs a newer Heartbeat")))
            }
            _ => Err(self.error("an export begins with a line that says so")),
        }
    }

    /// Returns the error for the current line.
    fn error(&self, problem: impl Into<String>) -> DumpError {
        DumpError::Line { number: self.number, problem: problem.into() }
    }
}

/// Rows read so far.
struct Rows {
    ids: Ids,
    /// Beats that are to be inserted.
    beats: BeatBatch,
    count: Count,
    /// Number of lines with stats.
    stats: u32,
    /// No time may be after it.
    now: OffsetDateTime,
}

/// Reads all lines after the first into the database, and returns the numbers of rows.
async fn read_all(
    connection: &mut Connection,
    reader: &mut Reader<impl AsyncBufRead + Unpin>,
    rows: &mut Rows,
    observer: &mut impl Observer,
) -> Result<Count, DumpError> {
    loop {
        let number = reader.number + 1;
        match reader.next().await? {
            Some(Line::HeartbeatExport { .. }) => return Err(reader.error("a second export begins")),
            Some(Line::End(expected)) if expected == rows.count && rows.stats == 1 => break,
            Some(Line::End(_)) => return Err(reader.error("other lines were written than are here")),
            None => return Err(reader.error("the file was cut off before its last line")),
            Some(line) => {
                let refused = |problem| DumpError::Line { number, problem };
                let added = rows.add(connection, line).await.map_err(refused)?;
                added.map_err(|error| line_error(number, error))?;
            }
        }
        if rows.beats.times.len() >= BATCH_CAPACITY {
            observer.observe(Progress { step: "reading beats", done: rows.count.beats, total: None });
            rows.beats.insert(connection).await.map_err(|error| line_error(number, error))?;
        }
    }
    rows.beats.insert(connection).await?;
    match reader.next().await? {
        None => Ok(rows.count),
        Some(_) => Err(reader.error("nothing may follow the end")),
    }
}

impl Rows {
    /// Adds the row of a line. Fails with what is wrong with the line itself, or with the database's error.
    async fn add(&mut self, connection: &mut Connection, line: Line<'_>) -> Checked<Result<(), sqlx::Error>> {
        let now = self.now;
        Ok(match line {
            Line::Beat { device, time_stamp } => {
                self.count.beats += 1;
                self.beats.devices.push(self.ids.resolve(device)?);
                self.beats.times.push(check::time("time_stamp", time_stamp, now)?);
                Ok(())
            }
            Line::Device { id, former_id, name, token_hash, editor_key_hash } => {
                self.count.devices += 1;
                let (id, name) = (self.ids.add(id, former_id)?, check::name(name.as_deref())?);
                let name = name.as_ref().map(DeviceName::as_str);
                insert_device(connection, id, name, &token_hash, editor_key_hash.as_deref()).await
            }
            Line::Absence { ended_by, started_at, ended_at } => {
                self.count.absences += 1;
                let (ended_by, ended_at) =
                    (self.ids.resolve(ended_by)?, check::time("ended_at", ended_at, now)?);
                let started_at = check::time("started_at", started_at, ended_at)?;
                insert_absence(connection, ended_by, started_at, ended_at).await
            }
            Line::Stats { total_visits, server_start_time, longest_absence_microseconds } => {
                self.stats += 1;
                let visits = check::visits(total_visits)?;
                let started_at = check::time("server_start_time", server_start_time, now)?;
                let longest = check::absence(longest_absence_microseconds, now)?;
                set_stats(connection, visits, started_at, longest).await
            }
            Line::HeartbeatExport { .. } | Line::End(_) => Ok(()),
        })
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
    async fn insert(&mut self, connection: &mut Connection) -> Result<(), sqlx::Error> {
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
    connection: &mut Connection,
    id: i64,
    name: Option<&str>,
    token_hash: &str,
    editor_key_hash: Option<&str>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO heartbeat.devices (id, name, token_hash) VALUES ($1, $2, decode($3, 'hex'))",
        id,
        name,
        token_hash,
    )
    .execute(&mut *connection)
    .await?;
    let Some(editor_key_hash) = editor_key_hash else { return Ok(()) };
    sqlx::query!(
        "INSERT INTO heartbeat.editor_keys (device, key_hash) VALUES ($1, decode($2, 'hex'))",
        id,
        editor_key_hash,
    )
    .execute(connection)
    .await
    .map(drop)
}

async fn insert_former_ids(connection: &mut Connection, ids: &Ids) -> Result<(), sqlx::Error> {
    let (former_ids, devices) = ids.former();
    sqlx::query!(
        "
        INSERT INTO heartbeat.former_ids (former_id, device)
        SELECT former_id, device FROM unnest($1::bigint[], $2::bigint[]) AS former (former_id, device)
        ",
        &former_ids,
        &devices,
    )
    .execute(connection)
    .await
    .map(drop)
}

async fn insert_absence(
    connection: &mut Connection,
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
    connection: &mut Connection,
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
