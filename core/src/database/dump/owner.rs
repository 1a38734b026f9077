//! What the owner decides, in dumps: what they said of themselves, the settings that they chose, and the devices that they
//! erased.

use futures_util::TryStreamExt;
use time::OffsetDateTime;
use tokio::io::AsyncWrite;

use super::{DumpError, line::Line, writer::Writer};
use crate::{database::Connection, snooze::SnoozeNote};

/// Writes what the owner said of themselves, if they did.
pub(super) async fn write_owner(
    connection: &mut Connection,
    writer: &mut Writer<impl AsyncWrite + Unpin>,
) -> Result<(), DumpError> {
    let owner = sqlx::query!(
        r#"
        SELECT
            CASE WHEN snoozed_until BETWEEN 'epoch' AND '9999-12-31' THEN snoozed_until END AS snoozed_until,
            snooze_note,
            CASE WHEN ok_at BETWEEN 'epoch' AND clock_timestamp() THEN ok_at END AS ok_at
        FROM heartbeat.owner
        WHERE snoozed_until IS NOT NULL OR ok_at IS NOT NULL
        "#
    )
    .fetch_optional(connection)
    .await?;
    let Some(owner) = owner else { return Ok(()) };
    let note = owner.snooze_note.as_deref().and_then(|note| SnoozeNote::parse(note).ok().flatten());
    let line = Line::Owner {
        snoozed_until: owner.snoozed_until,
        snooze_note: note.as_ref().map(|note| note.as_str().into()),
        ok_at: owner.ok_at,
    };
    writer.write(&line).await
}

/// Writes the settings, and returns how many there are.
pub(super) async fn write_settings(
    connection: &mut Connection,
    writer: &mut Writer<impl AsyncWrite + Unpin>,
) -> Result<i64, DumpError> {
    let mut settings =
        sqlx::query!("SELECT name, value FROM heartbeat.settings ORDER BY name").fetch(connection);
    let mut count = 0;
    while let Some(setting) = settings.try_next().await? {
        writer.write(&Line::Setting { name: setting.name.into(), value: setting.value.into() }).await?;
        count += 1;
    }
    Ok(count)
}

/// Writes the devices that were erased, and returns how many there are.
pub(super) async fn write_erasures(
    connection: &mut Connection,
    writer: &mut Writer<impl AsyncWrite + Unpin>,
) -> Result<i64, DumpError> {
    let mut erasures = sqlx::query!(
        r#"
        SELECT
            device,
            former_id,
            GREATEST(LEAST(erased_at, clock_timestamp()), 'epoch') AS "erased_at!",
            finished_at IS NOT NULL AS "finished!"
        FROM heartbeat.erasures
        ORDER BY device
        "#
    )
    .fetch(connection);
    let mut count = 0;
    while let Some(erasure) = erasures.try_next().await? {
        let line = Line::Erasure {
            device: erasure.device,
            former_id: erasure.former_id,
            erased_at: erasure.erased_at,
            finished: erasure.finished,
        };
        writer.write(&line).await?;
        count += 1;
    }
    Ok(count)
}

/// Sets what the owner said of themselves.
pub(super) async fn set_owner(
    connection: &mut Connection,
    snoozed_until: Option<OffsetDateTime>,
    snooze_note: Option<&SnoozeNote>,
    ok_at: Option<OffsetDateTime>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE heartbeat.owner SET snoozed_until = $1, snooze_note = $2, ok_at = $3",
        snoozed_until,
        snooze_note.map(SnoozeNote::as_str),
        ok_at,
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Inserts a setting.
pub(super) async fn insert_setting(
    connection: &mut Connection,
    name: &str,
    value: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!("INSERT INTO heartbeat.settings (name, value) VALUES ($1, $2)", name, value)
        .execute(connection)
        .await
        .map(drop)
}

/// Inserts a device that was erased. If its erasure is not finished, a server finishes it.
pub(super) async fn insert_erasure(
    connection: &mut Connection,
    device: i64,
    former_id: Option<i64>,
    erased_at: OffsetDateTime,
    finished: bool,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        INSERT INTO heartbeat.erasures (device, former_id, erased_at, finished_at)
        VALUES ($1, $2, $3, CASE WHEN $4 THEN now() END)
        ",
        device,
        former_id,
        erased_at,
        finished,
    )
    .execute(connection)
    .await
    .map(drop)
}
