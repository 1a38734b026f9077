//! The files in `migrations/`, and which releases each of them serves.
//!
//! A migration begins with two lines: `-- release: 0.2.0`, the release that brings it, and
//! `-- serves: 0.1.0`, the oldest release whose programs can work on the tables it leaves behind. One that
//! serves the release before *expands* the schema; one that does not *contracts* it. Both values are kept in
//! the database, so that a program can tell whether it may work on tables of a later release.

use semver::Version;
use sqlx::{
    Executor,
    migrate::{MigrateError, Migration, Migrator},
};

use super::{connection::Connection, error::DatabaseError};

/// Table of applied migrations, as the library `sqlx` would make it. In our own schema: `public` is not ours, and may
/// hold the table of the earlier service.
const TABLE: &str = "heartbeat.migrations";

/// Creates that table.
const CREATE_TABLE: &str = "
    CREATE SCHEMA IF NOT EXISTS heartbeat;
    CREATE TABLE IF NOT EXISTS heartbeat.migrations (
        version bigint PRIMARY KEY,
        description text NOT NULL,
        installed_on timestamptz NOT NULL DEFAULT now(),
        success boolean NOT NULL,
        checksum bytea NOT NULL,
        execution_time bigint NOT NULL
    );
";

/// Locks the table that every beat locks first. A migration that took a weaker lock on it and later a stronger one would be
/// in a deadlock with a beat that began in between.
const LOCK_BEATS_OUT: &str = "LOCK TABLE heartbeat.devices IN ACCESS EXCLUSIVE MODE";

/// Release of migrations without a header: they came before headers did.
const FIRST_RELEASE: Version = Version::new(0, 1, 0);

static MIGRATOR: Migrator = sqlx::migrate!("../migrations");

/// A migration's number, and what its header declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) number: i64,
    /// The release that brings it.
    pub(super) release: Version,
    /// The oldest release that can work on its tables.
    pub(super) serves: Version,
}

impl Declared {
    fn of(migration: &Migration) -> Self {
        Self {
            number: migration.version,
            release: header(migration.sql.as_str(), "-- release: ").unwrap_or(FIRST_RELEASE),
            serves: header(migration.sql.as_str(), "-- serves: ").unwrap_or(FIRST_RELEASE),
        }
    }
}

fn header(sql: &str, name: &str) -> Option<Version> {
    sql.lines().find_map(|line| line.strip_prefix(name)).and_then(|version| version.trim().parse().ok())
}

/// This program's own release.
pub(super) fn this_release() -> Version {
    env!("CARGO_PKG_VERSION").parse().expect("cargo checks it")
}

/// Every migration of this program, the oldest first.
pub(super) fn declared() -> Vec<Declared> {
    MIGRATOR.iter().map(Declared::of).collect()
}

/// Returns the numbers of the migrations that this database has had.
pub(super) async fn applied(connection: &mut Connection) -> Result<Vec<i64>, DatabaseError> {
    if !exists(connection, TABLE).await? {
        return Ok(Vec::new());
    }
    let applied = sqlx::query_scalar("SELECT version FROM heartbeat.migrations ORDER BY version");
    Ok(applied.fetch_all(connection).await?)
}

/// Returns what the database has recorded about the headers of the migrations it has had; nothing in a database
/// of a release that recorded none.
pub(super) async fn recorded(connection: &mut Connection) -> Result<Vec<Declared>, DatabaseError> {
    if !exists(connection, "heartbeat.compatibility").await? {
        return Ok(Vec::new());
    }
    let rows = sqlx::query!("SELECT migration, release, serves FROM heartbeat.compatibility")
        .fetch_all(connection)
        .await?;
    let declared = rows.into_iter().filter_map(|row| {
        Some(Declared {
            number: row.migration,
            release: row.release.parse().ok()?,
            serves: row.serves.parse().ok()?,
        })
    });
    Ok(declared.collect())
}

/// Applies all migrations that are missing, in the transaction of the caller, and records their headers.
pub(super) async fn apply_missing(connection: &mut Connection) -> Result<(), DatabaseError> {
    (&mut *connection).execute(CREATE_TABLE).await?;
    let applied = applied(connection).await?;
    if !applied.is_empty() {
        (&mut *connection).execute(LOCK_BEATS_OUT).await?;
    }
    for migration in MIGRATOR.iter().filter(|migration| !applied.contains(&migration.version)) {
        apply(connection, migration).await?;
    }
    record_headers(connection).await
}

/// Applies a migration. Its time is not measured: that column is `sqlx`'s, and -1 what it means by unknown.
async fn apply(connection: &mut Connection, migration: &Migration) -> Result<(), DatabaseError> {
    (&mut *connection)
        .execute(migration.sql.clone())
        .await
        .map_err(|error| MigrateError::ExecuteMigration(error, migration.version))?;
    sqlx::query(
        "
        INSERT INTO heartbeat.migrations (version, description, success, checksum, execution_time)
        VALUES ($1, $2, true, $3, -1)
        ",
    )
    .bind(migration.version)
    .bind(&*migration.description)
    .bind(&*migration.checksum)
    .execute(connection)
    .await?;
    Ok(())
}

async fn record_headers(connection: &mut Connection) -> Result<(), DatabaseError> {
    let declared = declared();
    let numbers: Vec<i64> = declared.iter().map(|it| it.number).collect();
    let releases: Vec<String> = declared.iter().map(|it| it.release.to_string()).collect();
    let serves: Vec<String> = declared.iter().map(|it| it.serves.to_string()).collect();
    sqlx::query!(
        "
        INSERT INTO heartbeat.compatibility (migration, release, serves)
        SELECT migration, release, serves
        FROM unnest($1::bigint[], $2::text[], $3::text[]) AS declared (migration, release, serves)
        ON CONFLICT (migration) DO NOTHING
        ",
        &numbers,
        &releases,
        &serves,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether the database has this table. To look into `pg_class` makes PostgreSQL take notice of what other processes have
/// committed: within a transaction the function alone would go by what it knew when that began.
pub(super) async fn exists(connection: &mut Connection, table: &str) -> Result<bool, DatabaseError> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM pg_class WHERE oid = to_regclass($1)) AS "exists!""#,
        table
    )
    .fetch_one(connection)
    .await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_migration_since_the_first_release_has_a_header() {
        for migration in MIGRATOR.iter().filter(|migration| migration.version > 3) {
            for name in ["-- release: ", "-- serves: "] {
                assert!(header(migration.sql.as_str(), name).is_some(), "{}: {name}", migration.version);
            }
        }
    }

    #[test]
    fn no_migration_comes_from_a_later_release_or_serves_one_later_than_its_own() {
        for migration in declared() {
            assert!(migration.release <= this_release(), "{migration:?}: raise version in Cargo.toml");
            assert!(migration.serves <= migration.release, "{migration:?}");
        }
    }

    #[test]
    fn releases_follow_the_numbers() {
        let releases: Vec<Version> = declared().into_iter().map(|it| it.release).collect();
        assert!(releases.is_sorted(), "{releases:?}");
    }
}
