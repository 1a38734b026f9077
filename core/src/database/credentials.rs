//! Changes to the credentials of a device: tokens, editor keys, pairing codes. They take turns at the row of the device.

use super::connection::Connection;
use crate::device::Registered;

/// A device whose row is locked until the transaction ends.
#[derive(Debug)]
pub(super) struct Locked {
    /// Device id.
    pub(super) id: i64,
    /// Whether it is archived.
    pub(super) is_archived: bool,
}

/// Locks the device that has this id, or had it formerly, against all that changes it or beats, in a transaction.
/// `None` if there is none.
pub(super) async fn lock(connection: &mut Connection, id: i64) -> Result<Option<Locked>, sqlx::Error> {
    sqlx::query_as!(
        Locked,
        r#"
        SELECT id, archived_at IS NOT NULL AS "is_archived!" FROM heartbeat.devices
        WHERE id = COALESCE((SELECT device FROM heartbeat.former_ids WHERE former_id = $1), $1)
        FOR UPDATE
        "#,
        id,
    )
    .fetch_optional(connection)
    .await
}

/// Outcome of a change to the credentials of a device.
#[derive(Debug)]
pub enum Credentials<T = Registered> {
    /// They were changed.
    Changed(T),
    /// No device has this id.
    UnknownDevice,
    /// The device is archived, and has none.
    Archived,
}
