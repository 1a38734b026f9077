//! Tells of devices whose beats tell less than they seem to.

use crate::database::{Connection, device_notices};

/// Returns how many devices there are that were not told of before.
pub(super) async fn run(connection: &mut Connection) -> Result<u64, sqlx::Error> {
    Ok(device_notices::note_suspicious(connection).await? + device_notices::note_quiet(connection).await?)
}
