//! A fresh database for each test, on the server that `infra/with-postgres` started.

use std::{
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use sqlx::{Connection, PgConnection, Row};

/// A database that nobody else uses.
#[derive(Debug)]
pub struct Database {
    name: String,
}

impl Database {
    /// Creates an empty database.
    pub async fn create() -> Self {
        let database = Self::reserve();
        database.create_now().await;
        database
    }

    /// Picks the name of a database that does not exist yet.
    pub fn reserve() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { name: format!("test_{}_{number}", process::id()) }
    }

    /// Creates the database whose name was [reserved](Self::reserve).
    pub async fn create_now(&self) {
        let mut server = connect(&url("postgres")).await;
        let statement = format!("CREATE DATABASE {}", self.name);
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut server).await.expect("a new database");
    }

    /// The socket of the server that all databases are on.
    pub fn socket() -> PathBuf {
        let url = url("postgres");
        let (_, folder) = url.split_once("host=").expect("a folder");
        Path::new(folder).join(".s.PGSQL.5432")
    }

    /// Ends all connections to it but the one that does so.
    pub async fn end_connections(&self) {
        self.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its URL.
    pub fn url(&self) -> String {
        url(&self.name)
    }

    /// A connection of the test's own.
    pub async fn connect(&self) -> PgConnection {
        connect(&self.url()).await
    }

    /// Carries out statements.
    pub async fn execute(&self, sql: &str) {
        let statement = sqlx::AssertSqlSafe(sql.to_owned());
        sqlx::raw_sql(statement).execute(&mut self.connect().await).await.expect(sql);
    }

    /// The one number that a query answers.
    pub async fn number(&self, sql: &str) -> i64 {
        let statement = sqlx::AssertSqlSafe(sql.to_owned());
        sqlx::raw_sql(statement).fetch_one(&mut self.connect().await).await.expect(sql).get(0)
    }
}

fn url(database: &str) -> String {
    let pattern =
        std::env::var("TEST_POSTGRES").expect("run the tests with `make test`, which starts PostgreSQL");
    pattern.replace("%s", database)
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("a connection to the test database")
}
