//! Takes over events that programs of release 0.1 left in their own outbox, once none of them delivers.

use crate::{
    channel::CONFIGURED_DISCORD,
    database::{Connection, outbox},
};

/// Moves the events. Does nothing where the configuration names no channel that they could be for.
pub(super) async fn run(connection: &mut Connection, configured: &[String]) -> Result<u64, sqlx::Error> {
    if configured.iter().any(|channel| channel == CONFIGURED_DISCORD) {
        outbox::adopt(connection, CONFIGURED_DISCORD).await
    } else {
        Ok(0)
    }
}
