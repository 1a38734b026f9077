//! Tells the owner by other channels of alerts that could not be sent for ten minutes.

use time::OffsetDateTime;

use crate::database::{Connection, failing_channels};

/// Tells the owner, and returns of how many alerts and channels. `configured` are the keys of the channels that the configuration
/// names.
pub(super) async fn run(
    connection: &mut Connection,
    now: OffsetDateTime,
    configured: &[String],
) -> Result<u64, sqlx::Error> {
    connection.ensure_transaction().await?;
    let late = failing_channels::report_late(connection, now).await?;
    if late.is_empty() {
        return Ok(0);
    }
    for failing in &late {
        let (channel, reason) = (failing.channel, &failing.reason);
        tracing::error!(channel, alert = ?failing.alert_name, %reason, "alert not sent for ten minutes");
    }
    failing_channels::tell(connection, &late, configured).await?;
    Ok(u64::try_from(late.len()).unwrap_or(u64::MAX))
}
