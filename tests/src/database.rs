//! A fresh database for each test, on the server that `infra/scripts/with-postgres` started, or on a
//! [`Cluster`](crate::Cluster).

use std::{
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use sqlx::{Connection, PgConnection, Row};

/// Unix socket in the folder of a server.
const SOCKET: &str = ".s.PGSQL.5432";

/// Database of one test.
#[derive(Debug)]
pub struct Database {
    name: String,
    /// URL of the databases on its server, with `%s` for the name.
    server: String,
}

impl Database {
    /// Creates an empty database.
    pub async fn create() -> Self {
        let database = Self::reserve();
        database.create_now().await;
        database
    }

    /// Creates an empty database on another server. `options` are those of `CREATE DATABASE`.
    pub(crate) async fn create_on(server: &str, options: &str) -> Self {
        let database = Self { server: server.to_owned(), ..Self::reserve() };
        database.create_with(options).await;
        database
    }

    /// Picks the name of a database that does not exist yet.
    pub fn reserve() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { name: format!("test_{}_{number}", process::id()), server: shared_server() }
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

    /// Unix socket of the server that tests share.
    pub fn socket() -> PathBuf {
        Self::folder().join(SOCKET)
    }

    /// Unix socket of the server that has this database.
    pub(crate) fn server_socket(&self) -> PathBuf {
        folder(&self.server).join(SOCKET)
    }

    /// Folder of the server that tests share.
    pub fn folder() -> PathBuf {
        folder(&shared_server())
    }

    /// Terminates all other connections to the database.
    pub async fn end_connections(&self) {
        self.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
    }

    /// Name of the database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// URL of the database.
    pub fn url(&self) -> String {
        self.server.replace("%s", &self.name)
    }

    /// URL of the database for another user, whose password the server may ask for.
    pub fn url_as(&self, user: &str, password: &str) -> String {
        self.url().replacen("heartbeat@", &format!("{user}:{password}@"), 1)
    }

    /// Opens a connection for the test itself.
    pub async fn connect(&self) -> PgConnection {
        connect(&self.url()).await
    }

    /// Executes statements.
    pub async fn execute(&self, sql: &str) {
        let statement = sqlx::AssertSqlSafe(sql.to_owned());
        sqlx::raw_sql(statement).execute(&mut self.connect().await).await.expect(sql);
    }

    /// Returns the single number that a query selects.
    pub async fn number(&self, sql: &str) -> i64 {
        let statement = sqlx::AssertSqlSafe(sql.to_owned());
        sqlx::raw_sql(statement).fetch_one(&mut self.connect().await).await.expect(sql).get(0)
    }

    /// Returns the single text that a query selects.
    pub async fn text(&self, sql: &str) -> String {
        let statement = sqlx::AssertSqlSafe(sql.to_owned());
        sqlx::raw_sql(statement).fetch_one(&mut self.connect().await).await.expect(sql).get(0)
    }
}

/// Number of migrations of this release.
pub fn migrations() -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    std::fs::read_dir(folder).expect("migrations").count()
}

/// Folder with the Unix socket of a server.
fn folder(server: &str) -> PathBuf {
    let (_, folder) = server.split_once("host=").expect("a folder");
    Path::new(folder).to_owned()
}

/// URL of the databases on the server that tests share, with `%s` for the name.
fn shared_server() -> String {
    std::env::var("TEST_POSTGRES").expect("run the tests with `make test`, which starts PostgreSQL")
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("a connection to the test database")
}
