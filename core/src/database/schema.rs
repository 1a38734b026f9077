//! The tables: set up where there are none, checked where there are some.

use std::sync::LazyLock;

use sqlx::{
    Connection, PgConnection,
    migrate::{Migrate, Migrator},
};

#[cfg(feature = "migrate")]
use super::takeover::{self, TakenOver};
use super::{earlier, failure::Failure};
#[cfg(feature = "migrate")]
use crate::progress::Observer;

/// Which migrations a database has had. In our own schema: `public` is not ours, and may hold the
/// table of an earlier Heartbeat.
const MIGRATIONS_TABLE: &str = "heartbeat.migrations";

/// The files in `migrations/`.
static MIGRATOR: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrator = sqlx::migrate!("../migrations");
    migrator.dangerous_set_table_name(MIGRATIONS_TABLE);
    migrator.create_schema("heartbeat");
    migrator
});

/// Why this program cannot work on this database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SchemaProblem {
    /// It lacks migrations that this program has.
    #[error(
        "the tables are older than this program: stop all servers, back up, run `heartbeat migrate`, start again"
    )]
    Older,
    /// It has no tables, where only data are of use.
    #[error("there are no tables of Heartbeat: check that database.dsn names the right database")]
    Missing,
    /// It has migrations that this program lacks.
    #[error("the tables were made by a newer Heartbeat: install that version or a later one")]
    Newer,
    /// It cannot hold the names of devices.
    #[error("the database cannot hold all characters: create one with ENCODING 'UTF8'")]
    Encoding,
    /// Its tables are those of an earlier Heartbeat.
    #[error(
        "the tables are those of an earlier Heartbeat: stop it, back up, run `heartbeat migrate`, start this one"
    )]
    Earlier,
    /// Two devices of an earlier Heartbeat have the same token, by which devices are told apart.
    #[error("devices {one} and {other} have the same token: give one of them another, and migrate again")]
    SharedToken {
        /// The id of one.
        one: i64,
        /// The id of another.
        other: i64,
    },
    /// It holds tables that neither we nor an earlier Heartbeat made.
    #[error("schema heartbeat holds tables that no Heartbeat made: use another database")]
    Foreign,
}

/// What stands in the schema `heartbeat`.
#[derive(Debug, PartialEq, Eq)]
enum State {
    Empty,
    Current,
    Unusable(SchemaProblem),
}

/// Makes sure that the tables are those of this program: sets up a database that has none, and
/// fails on any others. Safe to call from many processes at once.
pub(super) async fn ensure(connection: &mut PgConnection) -> Result<(), Failure> {
    if state(connection).await? == State::Current {
        return Ok(());
    }
    alone(connection, async |connection| match state(connection).await? {
        State::Current => Ok(()),
        State::Unusable(problem) => Err(problem.into()),
        State::Empty => {
            require_utf8(connection).await?;
            apply_all(connection).await?;
            tracing::info!("set up the tables in schema heartbeat");
            Ok(())
        }
    })
    .await
}

/// Fails unless the tables are there and those of this program.
#[cfg(feature = "migrate")]
pub(super) async fn require_current(connection: &mut PgConnection) -> Result<(), Failure> {
    match state(connection).await? {
        State::Current => Ok(()),
        State::Empty => Err(SchemaProblem::Missing.into()),
        State::Unusable(problem) => Err(problem.into()),
    }
}

/// What was done to bring the tables up to date.
#[cfg(feature = "migrate")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// How many migrations were applied.
    pub migrations: usize,
    /// What came from an earlier Heartbeat, if its tables were there.
    pub taken_over: Option<TakenOver>,
}

/// Brings the tables up to date; sets up a database that has none, and takes over that of an earlier
/// Heartbeat. Tells `observer` how far it is if that takes long. Safe to call from many processes at once.
#[cfg(feature = "migrate")]
pub async fn migrate(
    options: &sqlx::postgres::PgConnectOptions,
    observer: &mut impl Observer,
) -> Result<Migrated, Failure> {
    use sqlx::ConnectOptions;

    let mut connection = options.clone().disable_statement_logging().connect().await?;
    alone(&mut connection, async |connection| match state(connection).await? {
        State::Current => Ok(Migrated { migrations: 0, taken_over: None }),
        State::Empty | State::Unusable(SchemaProblem::Older) => {
            require_utf8(connection).await?;
            let before = applied(connection).await?.len();
            apply_all(connection).await?;
            Ok(Migrated { migrations: MIGRATOR.iter().count() - before, taken_over: None })
        }
        State::Unusable(SchemaProblem::Earlier) => {
            require_utf8(connection).await?;
            let taken_over = takeover::take_over(connection, observer).await?;
            Ok(Migrated { migrations: MIGRATOR.iter().count(), taken_over: Some(taken_over) })
        }
        State::Unusable(problem) => Err(problem.into()),
    })
    .await
}

/// Does `work` while no other process migrates this database, so that nobody takes tables that are
/// half set up for old ones. The lock goes with the connection, should the work be dropped.
async fn alone<T>(
    connection: &mut PgConnection,
    work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, Failure>,
) -> Result<T, Failure> {
    connection.lock().await?;
    let result = work(connection).await;
    connection.unlock().await?;
    result
}

/// Applies all migrations that are missing, or none: tables that are half set up would be taken for old ones.
async fn apply_all(connection: &mut PgConnection) -> Result<(), Failure> {
    let mut transaction = connection.begin().await?;
    apply_missing(&mut transaction).await?;
    Ok(transaction.commit().await?)
}

/// Applies all migrations that are missing, in the transaction of the caller.
pub(super) async fn apply_missing(connection: &mut PgConnection) -> Result<(), Failure> {
    Ok(MIGRATOR.run_direct(None, connection, false).await?)
}

async fn state(connection: &mut PgConnection) -> Result<State, Failure> {
    let applied = applied(connection).await?;
    if applied.is_empty() {
        return Ok(if !exists(connection, "heartbeat.devices").await? {
            State::Empty
        } else if earlier::is_here(connection).await? {
            State::Unusable(SchemaProblem::Earlier)
        } else {
            State::Unusable(SchemaProblem::Foreign)
        });
    }
    let known: Vec<i64> = MIGRATOR.iter().map(|migration| migration.version).collect();
    Ok(if applied.iter().any(|version| !known.contains(version)) {
        State::Unusable(SchemaProblem::Newer)
    } else if known.iter().any(|version| !applied.contains(version)) {
        State::Unusable(SchemaProblem::Older)
    } else {
        State::Current
    })
}

/// The versions of the migrations that this database has had.
async fn applied(connection: &mut PgConnection) -> Result<Vec<i64>, Failure> {
    if !exists(connection, MIGRATIONS_TABLE).await? {
        return Ok(Vec::new());
    }
    let applied = connection.list_applied_migrations(MIGRATIONS_TABLE).await?;
    Ok(applied.into_iter().map(|migration| migration.version).collect())
}

async fn require_utf8(connection: &mut PgConnection) -> Result<(), Failure> {
    let encoding = sqlx::query_scalar!(r#"SELECT current_setting('server_encoding') AS "encoding!""#)
        .fetch_one(connection)
        .await?;
    if encoding == "UTF8" { Ok(()) } else { Err(SchemaProblem::Encoding.into()) }
}

async fn exists(connection: &mut PgConnection, table: &str) -> Result<bool, Failure> {
    Ok(sqlx::query_scalar!(r#"SELECT to_regclass($1) IS NOT NULL AS "exists!""#, table)
        .fetch_one(connection)
        .await?)
}
