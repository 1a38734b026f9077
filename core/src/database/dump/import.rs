//! Import: reads a dump into an empty database.

use time::OffsetDateTime;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

use super::{
    DumpError,
    check::{self, Checked, Ids},
    import_alerts,
    insert::{self, Beats},
    line::{Count, Line, VERSION},
    owner, retained,
};
use crate::{
    database::{Connection, Target, error::DatabaseError, migrate, rebuild_counters::rebuild_counters},
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
    import_alerts::clear(&mut connection).await?;
    let mut reader = Reader { input, line: Vec::new(), number: 0 };
    let version = reader.read_header().await?;
    // An export that is still being written began before this.
    let now = sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#).fetch_one(&mut connection).await?;
    let mut rows =
        Rows { ids: Ids::new(version), beats: Beats::default(), count: Count::default(), stats: 0, now };
    let count = read_all(&mut connection, &mut reader, &mut rows, observer).await?;
    insert::former_ids(&mut connection, &rows.ids).await?;
    import_alerts::continue_ids(&mut connection).await?;
    observer.observe(Progress { step: "counting beats", done: 0, total: None });
    retained::sum_up(&mut connection).await?;
    rebuild_counters(&mut connection).await?;
    connection.commit().await?;
    Ok(count)
}

/// Locks the tables, and checks that they are empty.
async fn require_empty(connection: &mut Connection) -> Result<(), DumpError> {
    sqlx::raw_sql(
        "
        SET LOCAL lock_timeout = '10s';
        LOCK TABLE heartbeat.alert_evaluation, heartbeat.roll_up, heartbeat.devices, heartbeat.beats, heartbeat.stats IN ACCESS EXCLUSIVE MODE;
        ",
    )
    .execute(&mut *connection)
    .await?;
    let empty = sqlx::query_scalar!(
        r#"
        SELECT NOT EXISTS (SELECT FROM heartbeat.devices) AND NOT EXISTS (SELECT FROM heartbeat.beats)
            AND NOT EXISTS (SELECT FROM heartbeat.erasures) AND NOT EXISTS (SELECT FROM heartbeat.channels)
            AND NOT EXISTS (SELECT FROM heartbeat.alerts) AS "empty!"
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
    beats: Beats,
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
                self.beats.devices.push(self.ids.device_of_beat(device)?);
                self.beats.times.push(check::time("time_stamp", time_stamp, now)?);
                Ok(())
            }
            Line::Device {
                id,
                former_id,
                name,
                token_hash,
                editor_key_hash,
                visibility,
                sign_of_life,
                archived_at,
                created_at,
            } => {
                self.count.devices += 1;
                let past = |name, time: Option<_>| time.map(|time| check::time(name, time, now)).transpose();
                let device = insert::Device {
                    id: self.ids.add(id, former_id)?,
                    name: check::name(name.as_deref())?,
                    token_hash: &token_hash,
                    editor_key_hash: editor_key_hash.as_deref(),
                    visibility: check::visibility(&visibility)?,
                    sign_of_life,
                    archived_at: past("archived_at", archived_at)?,
                    created_at: past("created_at", created_at)?,
                };
                insert::device(connection, device).await
            }
            Line::Erasure { device, former_id, erased_at, finished } => {
                self.count.erasures += 1;
                self.ids.erase(device, former_id)?;
                let erased_at = check::time("erased_at", erased_at, now)?;
                owner::insert_erasure(connection, device, former_id, erased_at, finished).await
            }
            Line::Setting { name, value } => {
                self.count.settings += 1;
                let value = check::setting(&name, &value)?;
                owner::insert_setting(connection, &name, &value).await
            }
            Line::Owner { snoozed_until, snooze_note, ok_at } => {
                let note = check::note(snooze_note.as_deref())?;
                let ok_at = ok_at.map(|time| check::time("ok_at", time, now)).transpose()?;
                owner::set_owner(connection, snoozed_until, note.as_ref(), ok_at).await
            }
            line @ (Line::Channel(_)
            | Line::Alert(_)
            | Line::Firing(_)
            | Line::Notification(_)
            | Line::Notice(_)
            | Line::Outage(_)
            | Line::Snooze(_)
            | Line::Evaluation { .. }) => {
                import_alerts::insert(connection, &mut self.ids, &mut self.count, line, now).await?
            }
            line @ (Line::Retention { .. }
            | Line::Presence(_)
            | Line::DeviceAbsence { .. }
            | Line::DeletedBeats { .. }) => {
                retained::insert(connection, &mut self.ids, &mut self.count, line, now).await?
            }
            Line::Absence { ended_by, started_at, ended_at } => {
                self.count.absences += 1;
                let (ended_by, ended_at) =
                    (self.ids.resolve(ended_by)?, check::time("ended_at", ended_at, now)?);
                let started_at = check::time("started_at", started_at, ended_at)?;
                insert::absence(connection, ended_by, started_at, ended_at).await
            }
            Line::Stats { total_visits, server_start_time, longest_absence_microseconds } => {
                self.stats += 1;
                let visits = check::visits(total_visits)?;
                let started_at = check::time("server_start_time", server_start_time, now)?;
                let longest = check::absence(longest_absence_microseconds, now)?;
                insert::stats(connection, visits, started_at, longest).await
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
