//! Sets up an empty database, and brings an older one up to date.

use sqlx::Executor;

use super::{
    connection::Connection,
    error::DatabaseError,
    migrations,
    schema::{State, state},
};
#[cfg(feature = "migrate")]
use super::{
    former_ids,
    legacy_import::{self, LegacyImport},
    target::Target,
};
use crate::error::SchemaProblem;
#[cfg(feature = "migrate")]
use crate::progress::Observer;

/// Whether this program can work on the tables as they are.
pub(super) async fn is_usable(connection: &mut Connection) -> Result<bool, DatabaseError> {
    Ok(state(connection).await? == State::Usable)
}

/// Makes sure that this program can work on the tables: sets up a database that has none, applies expanding
/// migrations, and fails on tables that need more than that. Safe to call from many processes at once: one
/// works, the others wait.
pub(super) async fn ensure(connection: &mut Connection) -> Result<(), DatabaseError> {
    with_migration_lock(connection, async |connection| match state(connection).await? {
        State::Usable => Ok(()),
        State::Unusable(problem) => Err(problem.into()),
        State::Empty => {
            apply_all(connection).await?;
            tracing::info!("set up the tables in schema heartbeat");
            Ok(())
        }
        State::Expandable => {
            let applied = apply_all(connection).await?;
            tracing::info!(migrations = applied, "expanded the tables in schema heartbeat");
            Ok(())
        }
    })
    .await
}

/// Result of a migration.
#[cfg(feature = "migrate")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// Number of migrations applied.
    pub migrations: usize,
    /// Result of the legacy import, if there was a legacy schema.
    pub legacy_import: Option<LegacyImport>,
}

/// Brings the tables up to date, contracting migrations included; sets up a database that has none, and imports
/// the legacy schema. Reports progress to `observer`. Safe to call from many processes at once.
#[cfg(feature = "migrate")]
pub async fn migrate(target: &Target, observer: &mut impl Observer) -> Result<Migrated, DatabaseError> {
    let mut connection = Connection::open(target).await?;
    let migrated = with_migration_lock(&mut connection, async |connection| match state(connection).await? {
        State::Usable => Ok(Migrated { migrations: 0, legacy_import: None }),
        State::Empty | State::Expandable | State::Unusable(SchemaProblem::Older) => {
            Ok(Migrated { migrations: apply_all(connection).await?, legacy_import: None })
        }
        State::Unusable(SchemaProblem::Legacy) => {
            require_utf8(connection).await?;
            let imported = legacy_import::import_legacy(connection, observer).await?;
            let migrations = migrations::declared().len();
            Ok(Migrated { migrations, legacy_import: Some(imported) })
        }
        State::Unusable(problem) => Err(problem.into()),
    })
    .await?;
    if migrated.legacy_import.is_none() {
        former_ids::replace_in_beats(&mut connection, observer).await?;
    }
    Ok(migrated)
}

/// Key of the lock on migrations: the letters `heartbea`.
const MIGRATION_LOCK: &str = "SELECT pg_advisory_xact_lock(x'6865617274626561'::bigint)";

/// Runs `work` in one transaction, while no other process migrates this database, so that half-made tables are not taken
/// for old ones. The lock goes with the transaction.
async fn with_migration_lock<T>(
    connection: &mut Connection,
    work: impl AsyncFnOnce(&mut Connection) -> Result<T, DatabaseError>,
) -> Result<T, DatabaseError> {
    connection.begin("BEGIN").await?;
    (&mut *connection).execute(MIGRATION_LOCK).await?;
    let result = work(connection).await?;
    connection.commit().await?;
    Ok(result)
}

/// Applies all migrations that are missing, and returns how many there were.
async fn apply_all(connection: &mut Connection) -> Result<usize, DatabaseError> {
    require_utf8(connection).await?;
    let before = migrations::applied(connection).await?.len();
    migrations::apply_missing(connection).await?;
    Ok(migrations::declared().len() - before)
}

async fn require_utf8(connection: &mut Connection) -> Result<(), DatabaseError> {
    let encoding = sqlx::query_scalar!(r#"SELECT current_setting('server_encoding') AS "encoding!""#)
        .fetch_one(connection)
        .await?;
    if encoding == "UTF8" { Ok(()) } else { Err(SchemaProblem::Encoding.into()) }
}
