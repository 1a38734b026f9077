//! Migrator: the function that applies migrations. Each deployment invokes it once.

use heartbeat_core::database::migrate;
use serde_json::{Value, json};

use super::{Error, Setup};
use crate::lambda;

/// Serves the migrator's invocations until Lambda ends the process.
pub async fn serve() -> Result<(), Error> {
    let setup = Setup::load().await?;
    lambda::serve_events(async |_: Value, _| {
        let migrated =
            migrate::migrate(&setup.database, &mut |progress| tracing::info!(%progress, "migrating")).await?;
        Ok(json!({ "migrations_applied": migrated.migrations }))
    })
    .await
}
