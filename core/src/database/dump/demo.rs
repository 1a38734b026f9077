//! The demo: fills an empty database with invented beats, as an import of their dump would.

use rand::CryptoRng;
use time::{Duration, OffsetDateTime};
use tokio::io::{AsyncWrite, BufReader, duplex};

use super::{
    DumpError,
    import::import,
    line::{Count, Line, VERSION},
    writer::Writer,
};
use crate::{
    database::{Connection, Target},
    demo::{self, Beat, Device},
    device::Visibility,
    notify::event::LONG_ABSENCE,
    progress::Observer,
    settings::Timezone,
    token::Token,
};

/// Size of the buffer between the writer of the dump and its reader, in bytes.
const BUFFER_CAPACITY: usize = 1 << 16;

/// Invented views of pages a day.
const VISITS_PER_DAY: i64 = 6;

/// Fills an empty database with [invented beats](demo::beats) of devices whose tokens nothing knows: with all, or, on
/// an error, with nothing.
pub async fn fill_with_demo(
    target: &Target,
    timezone: &Timezone,
    rng: &mut impl CryptoRng,
    observer: &mut impl Observer,
) -> Result<Count, DumpError> {
    let mut connection = Connection::open(target).await?;
    let now = sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#).fetch_one(&mut connection).await?;
    drop(connection);
    let beats = demo::beats(timezone, now);
    let token_hashes = Device::ALL.map(|_| hexadecimal(Token::generate(rng).hash().as_bytes()));
    let (input, output) = duplex(BUFFER_CAPACITY);
    let input = BufReader::with_capacity(BUFFER_CAPACITY, input);
    let (written, count) =
        tokio::join!(write(output, &beats, &token_hashes), import(target, input, observer));
    // If the import failed, it did not read on, so that writing failed, too.
    let count = count?;
    written?;
    Ok(count)
}

/// Writes the dump of a database in which there is nothing but these beats.
async fn write(
    output: impl AsyncWrite + Unpin,
    beats: &[Beat],
    token_hashes: &[String; Device::ALL.len()],
) -> Result<(), DumpError> {
    let begin = beats.first().map_or(OffsetDateTime::UNIX_EPOCH, |beat| beat.time_stamp);
    let absences = || beats.windows(2).map(|pair| (pair[1], pair[1].time_stamp - pair[0].time_stamp));
    let longest = absences().map(|(_, length)| length).max().unwrap_or_default();
    let mut writer = Writer::new(output);
    let mut count = Count::default();
    writer.write(&Line::HeartbeatExport { version: VERSION }).await?;
    writer.write(&stats(beats, begin, longest)).await?;
    for (device, token_hash) in Device::ALL.into_iter().zip(token_hashes) {
        writer.write(&registered(device, token_hash, begin)).await?;
        count.devices += 1;
    }
    for (Beat { device, time_stamp }, length) in absences().filter(|(_, length)| *length > LONG_ABSENCE) {
        let started_at = time_stamp - length;
        writer.write(&Line::Absence { ended_by: device.id(), started_at, ended_at: time_stamp }).await?;
        count.absences += 1;
    }
    for Beat { device, time_stamp } in beats {
        writer.write(&Line::Beat { device: device.id(), time_stamp: *time_stamp }).await?;
        count.beats += 1;
    }
    writer.write(&Line::End(count)).await?;
    writer.flush().await
}

/// Returns the stats of a service that began with the first of these beats.
fn stats(beats: &[Beat], begin: OffsetDateTime, longest_absence: Duration) -> Line<'static> {
    let days = beats.last().map_or(0, |last| (last.time_stamp - begin).whole_days());
    Line::Stats {
        total_visits: days * VISITS_PER_DAY,
        server_start_time: begin,
        longest_absence_microseconds: i64::try_from(longest_absence.whole_microseconds()).unwrap_or(i64::MAX),
    }
}

/// Returns a device that was registered at `begin`.
fn registered(device: Device, token_hash: &str, begin: OffsetDateTime) -> Line<'_> {
    Line::Device {
        id: device.id(),
        former_id: None,
        name: Some(device.name().into()),
        token_hash: token_hash.into(),
        editor_key_hash: None,
        visibility: Visibility::Public.as_str().into(),
        sign_of_life: true,
        archived_at: None,
        created_at: Some(begin),
    }
}

/// Returns bytes as hexadecimal digits.
fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
}
