//! A database for each operation, with devices in it, and the environment of what runs on it.

use std::path::{Path, PathBuf};

use heartbeat_core::{
    Config, Heartbeat,
    config::{Environment, Flags, Profile},
    database::{Pooler, Target},
    notify::subscriptions::Subscriptions,
    runtime::Runtime,
    settings::Choices,
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use time::OffsetDateTime;

use crate::relay::Relay;

/// Number of devices.
pub(crate) const DEVICES: usize = 64;

/// The configuration file.
const CONFIG_FILE: &str = r#"
server_name = "Somebody's heartbeat"
live_url = "https://heartbeat.example.org"
secret_key = "the owner's key"
bind = "127.0.0.1:0"
trusted_proxies = "127.0.0.1"

[release]
max_viewers = 1000
"#;

/// Devices as they are after some weeks, each with a last beat of its own.
const DEVICES_SQL: &str = "
    INSERT INTO heartbeat.devices (name, token_hash, num_beats, last_beat)
    SELECT 'Device ' || number, sha256(('token of device ' || number)::bytea), 1000 * (1 + number),
        now() - (2 + number) * interval '1 hour'
    FROM generate_series(0, $1 - 1) AS number;
";

const STATS_SQL: &str = "
    UPDATE heartbeat.stats SET
        total_visits = 12345, longest_absence = '1 day',
        server_start_time = now() - interval '90 days', last_beat = now() - interval '2 hours'
";

/// A database, with a relay before it, and a home folder.
#[derive(Debug)]
pub(crate) struct Fixture {
    /// What hands the answers of the database on.
    pub(crate) relay: Relay,
    home: TempDir,
    database: String,
    url: String,
}

impl Fixture {
    /// Sets up a database called `name`.
    pub(crate) async fn new(name: &str) -> Self {
        let server = std::env::var("TEST_POSTGRES")
            .expect("run it with infra/scripts/instructions, which starts PostgreSQL");
        let database = format!("counted_{name}");
        let mut connection = connect(&server.replace("%s", "postgres")).await;
        for statement in ["DROP DATABASE IF EXISTS", "CREATE DATABASE"] {
            let statement = AssertSqlSafe(format!("{statement} {database}"));
            sqlx::raw_sql(statement).execute(&mut connection).await.expect("a database");
        }
        let home = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(home.path().join("config.toml"), CONFIG_FILE).expect("a configuration file");
        let (_, folder) = server.split_once("host=").expect("a folder");
        let relay = Relay::start(home.path(), Path::new(folder));
        let fixture = Self { relay, home, url: server.replace("%s", &database), database };
        fixture.fill().await;
        fixture
    }

    /// Sets up the tables as a first start does, and adds devices.
    async fn fill(&self) {
        let database = Target::new(self.url.parse().expect("a URL"), Pooler::None);
        let heartbeat =
            Heartbeat::start(&database, clock, Runtime::Server, Subscriptions::default(), Choices::default());
        while heartbeat.check().await.is_err() {
            // The machine is busy; the tables are being set up meanwhile.
            tokio::task::yield_now().await;
        }
        heartbeat.stop().await;
        let mut connection = connect(&self.url).await;
        let number = i32::try_from(DEVICES).expect("few");
        sqlx::query(DEVICES_SQL).bind(number).execute(&mut connection).await.expect("devices");
        sqlx::query(STATS_SQL).execute(&mut connection).await.expect("stats");
    }

    /// URL of the database behind the relay.
    fn relayed_url(&self) -> String {
        format!("postgresql://heartbeat@localhost/{}?host={}", self.database, self.home.path().display())
    }

    /// The environment of a program that runs on this.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let variables = [
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOME", self.home.path().display().to_string()),
            ("HEARTBEAT_HOME", self.home.path().display().to_string()),
            ("HEARTBEAT_DATABASE_DSN", self.relayed_url()),
        ];
        variables.map(|(name, value)| (name.to_owned(), value)).into()
    }
}

/// Reads the configuration of a program with this environment.
pub(crate) fn load_config(variables: &[(String, String)]) -> Config {
    let environment = Environment {
        variables: variables.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        user_folder: None,
        in_container: false,
        profile: Profile::Release,
    };
    Config::load(&Flags::default(), &environment).expect("a configuration")
}

/// Path of a program that was built with this one.
pub(crate) fn program(name: &str) -> PathBuf {
    let this = std::env::current_exe().expect("the path of this program");
    this.parent().unwrap_or(Path::new("/")).join(name)
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("a connection to the database")
}

#[expect(clippy::disallowed_methods, reason = "the clock of a program")]
pub(crate) fn clock() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}
