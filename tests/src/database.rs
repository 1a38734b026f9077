//! A fresh database for each test, on the server that `infra/scripts/with-postgres` started, or on a
//! [`Cluster`](crate::Cluster).

use std::{
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use sqlx::{Connection, PgConnection, Row};

/// A database of one test alone.
#[derive(Debug)]
pub struct Database {
    name: String,
    /// The URL of any database on its server; `%s` stands for the name.
    server: String,
}

impl Database {
    /// Creates an empty database.
    pub async fn create() -> Self {
        let database = Self::reserve();
        database.create_now().await;
        database
    }

    /// Creates an empty database on the server whose databases have URLs like `server`, with `options` of
    /// the statement that does it.
    pub(crate) async fn create_on(server: &str, options: &str) -> Self {
        let database = Self { server: server.to_owned(), ..Self::reserve() };
        database.create_with(options).await;
        database
    }

    /// Picks the name of a database that does not exist yet.
    pub fn reserve() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { name: format!("test_{}_{number}", process::id()), server: shared() }
    }

    /// Creates the database whose name was [reserved](Self::reserve).
    pub async fn create_now(&self) {
        self.create_with("").await;
    }

    async fn create_with(&self, options: &str) {
        let mut server = connect(&self.server.replace("%s", "postgres")).await;
        let statement = format!("CREATE DATABASE {} {options}", self.name);
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut server).await.expect("a new database");
    }

    /// The socket of the server that tests share.
    pub fn socket() -> PathBuf {
        Self::folder().join(".s.PGSQL.5432")
    }

    /// The folder in which that server has its files.
    pub(crate) fn folder() -> PathBuf {
        let url = shared();
        let (_, folder) = url.split_once("host=").expect("a folder");
        Path::new(folder).to_owned()
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
        self.server.replace("%s", &self.name)
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

/// The URLs of the databases on the server that tests share.
fn shared() -> String {
    std::env::var("TEST_POSTGRES").expect("run the tests with `make test`, which starts PostgreSQL")
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("a connection to the test database")
}
