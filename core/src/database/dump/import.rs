//! Into an empty database.

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

/// No line of an export is longer, but something else may be that was taken for one.
const LINE_MAX_BYTES: u64 = 1 << 20;

/// So many beats are written by one statement.
const BATCH_CAPACITY: usize = 10_000;

/// Reads what [`export`](super::export()) wrote into a database that is empty or has no tables yet: all of it,
/// or, if anything is wrong, nothing. Takes the same memory however much there is.
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

/// Keeps everybody else away, and makes sure that nothing is there.
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

/// Reads lines.
struct Reader<R> {
    input: R,
    line: Vec<u8>,
    /// The number of the line, counted from 1.
    number: u64,
}

impl<R: AsyncBufRead + Unpin> Reader<R> {
    /// The next line, if there is one.
    async fn next(&mut self) -> Result<Option<Line<'_>>, DumpError> {
        self.line.clear();
        self.number += 1;
        let length = (&mut self.input).take(LINE_MAX_BYTES).read_until(b'\n', &mut self.line).await?;
        if length == 0 {
            return Ok(None);
        }
        let number = self.number;
        serde_json::from_slice(&self.line).map(Some).map_err(|error| {
            // Where the line is, we know better.
            let problem = error.to_string();
            let problem = problem.split(" at line ").next().unwrap_or_default();
            DumpError::Line { number, problem: format!("not a line of an export: {problem}") }
        })
    }

    /// This line cannot be here.
    fn wrong(&self, problem: impl Into<String>) -> DumpError {
        DumpError::Line { number: self.number, problem: problem.into() }
    }
}

/// Reads from the first line to the last.
async fn read_all(
    connection: &mut PgConnection,
    reader: &mut Reader<impl AsyncBufRead + Unpin>,
    observer: &mut impl Observer,
) -> Result<Count, DumpError> {
    match reader.next().await? {
        Some(Line::HeartbeatExport { version: 1..=VERSION }) => {}
        Some(Line::HeartbeatExport { version }) => {
            return Err(reader.wrong(format!("version {version} of the format needs a newer Heartbeat")));
        }
        _ => return Err(reader.wrong("an export begins with a line that says so")),
    }
    let mut beats = Beats::default();
    let mut found = Count::default();
    let mut stats = 0;
    loop {
        let number = reader.number + 1;
        let added = match reader.next().await? {
            Some(Line::Beat { device, time_stamp }) => {
                beats.devices.push(device);
                beats.times.push(time_stamp);
                found.beats += 1;
                if beats.times.len() < BATCH_CAPACITY {
                    continue;
                }
                observer.observe(Progress { step: "reading beats", done: found.beats, total: None });
                beats.add(connection).await
            }
            Some(Line::Device { id, name, token_hash }) => {
                found.devices += 1;
                add_device(connection, id, name.as_deref(), &token_hash).await
            }
            Some(Line::Absence { ended_by, started_at, ended_at }) => {
                found.absences += 1;
                add_absence(connection, ended_by, started_at, ended_at).await
            }
            Some(Line::Stats { total_visits, server_start_time, longest_absence_microseconds }) => {
                stats += 1;
                set_stats(connection, total_visits, server_start_time, longest_absence_microseconds).await
            }
            Some(Line::HeartbeatExport { .. }) => return Err(reader.wrong("a second export begins")),
            Some(Line::End(expected)) if expected == found && stats == 1 => {
                beats.add(connection).await?;
                break;
            }
            Some(Line::End(_)) => return Err(reader.wrong("other lines were written than are here")),
            None => return Err(reader.wrong("the file was cut off before its last line")),
        };
        added.map_err(|error| because_of_line(number, error))?;
    }
    match reader.next().await? {
        None => Ok(found),
        Some(_) => Err(reader.wrong("nothing may follow the end")),
    }
}

/// Where the database refused a value, the line that it stands in; of many beats, the last of them.
fn because_of_line(number: u64, error: sqlx::Error) -> DumpError {
    let failure = DatabaseError::from(error);
    if failure.is_ours() { DumpError::Line { number, problem: failure.to_string() } } else { failure.into() }
}

/// Beats that were read and are still to be written.
#[derive(Default)]
struct Beats {
    devices: Vec<i64>,
    times: Vec<OffsetDateTime>,
}

impl Beats {
    /// Writes them.
    async fn add(&mut self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
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

async fn add_device(
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

async fn add_absence(
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
