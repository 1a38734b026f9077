//! PostgreSQL's share of a beat: the pages that it looks at (`buffers`) and the bytes that it writes to its log
//! (`wal_bytes`), held against `tests/budgets.toml`. The instructions of ours are counted by
//! `infra/scripts/instructions`.
//!
//! Statements are those in `.sqlx`, found by what they do.

use std::{fmt::Write, fs, path::Path};

use heartbeat_budgets::{Budgets, check};
use heartbeat_tests::{Cluster, Database, ServerBuilder, eventually, skipped};
use serde::Deserialize;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, Row};

/// Release of PostgreSQL that the budgets are of: others plan and log differently.
const RELEASE: i64 = 15;

/// Devices in the database.
const DEVICES: usize = 64;

/// Measurements of a statement, of which the median counts: now and then one makes a table longer or cleans a page.
const MEASUREMENTS: usize = 25;

/// Measurements that are thrown away at most: those in which a page was written for the first time since a checkpoint,
/// which puts all of it into the log.
const MAX_DISCARDED: usize = 200;

/// A file in `.sqlx`.
#[derive(Debug, Deserialize)]
struct Described {
    query: String,
    describe: Description,
}

#[derive(Debug, Deserialize)]
struct Description {
    parameters: Parameters,
}

/// Names of types; the other variant of sqlx, a number, is not PostgreSQL's.
#[derive(Debug, Deserialize)]
struct Parameters {
    #[serde(rename = "Left")]
    types: Vec<Value>,
}

impl Described {
    /// Whether it records beats as they arrive, and not as an import brings them.
    fn records_beats(&self) -> bool {
        ["INSERT INTO heartbeat.beats", "UPDATE heartbeat.devices", "now()", "token_hash"]
            .iter()
            .all(|part| self.query.contains(part))
    }

    /// Whether it does all that a beat may bring about: keeps the longest absence, and queues events.
    fn is_full(&self) -> bool {
        self.query.contains("heartbeat.outbox")
    }

    /// Types of its parameters, as SQL has them.
    fn types(&self) -> Vec<String> {
        let name = |described: &Value| match described {
            Value::String(name) => name.to_lowercase(),
            other => other.pointer("/Custom/name").and_then(Value::as_str).expect("a type").to_lowercase(),
        };
        let sql = |name: String| match name.strip_suffix("array") {
            Some(element) => format!("{element}[]"),
            None => name,
        };
        self.describe.parameters.types.iter().map(name).map(sql).collect()
    }

    /// Whether it records beats of many devices.
    fn is_for_many(&self) -> bool {
        self.types().iter().any(|name| name == "bytea[]")
    }
}

/// A statement that records beats, with the number of devices that beat.
struct Measured {
    name: String,
    statement: Described,
    devices: usize,
}

impl Measured {
    fn new(statement: Described, devices: usize) -> Self {
        let beats = if devices == 1 { "beat".to_owned() } else { format!("{devices}_beats") };
        let kind = if statement.is_full() { "full" } else { "short" };
        Self { name: format!("{beats}_{kind}"), statement, devices }
    }

    /// Statements to prepare it and to execute it, each device beating once.
    fn sql(&self) -> (String, String) {
        let types = self.statement.types();
        let name = &self.name;
        let prepare = format!("PREPARE \"{name}\" ({}) AS {}", types.join(", "), self.statement.query);
        let values: Vec<String> = types.iter().map(|name| self.value(name)).collect();
        let explain = "EXPLAIN (ANALYZE, BUFFERS, WAL, FORMAT JSON)";
        (prepare, format!("{explain} EXECUTE \"{name}\" ({})", values.join(", ")))
    }

    /// The value of a parameter of this type.
    fn value(&self, name: &str) -> String {
        let devices = self.devices;
        match name {
            "bytea" => token(0),
            "bytea[]" => format!("ARRAY[{}]", (0..devices).map(token).collect::<Vec<_>>().join(", ")),
            "int8" => "1".to_owned(),
            "int8[]" => format!("array_fill(1::bigint, ARRAY[{devices}])"),
            "float8" => "3600".to_owned(),
            "text[]" => "'{}'".to_owned(),
            // The last beat in `stats`: as if it was just now, which the short statements need.
            "timestamptz" => "now()".to_owned(),
            other => panic!("{}: no value for parameters of type {other}: add one here", self.name),
        }
    }

    /// Measures buffers and bytes of WAL.
    async fn measure(&self, connection: &mut PgConnection) -> [i64; 2] {
        let (prepare, execute) = self.sql();
        run(connection, &prepare).await;
        let mut measurements = Vec::new();
        for _ in 0..MEASUREMENTS + MAX_DISCARDED {
            // A lone beat comes later than a second after the one before, and moves `stats`; beats of many do not.
            let age = if self.devices == 1 { "2 seconds" } else { "0" };
            run(
                connection,
                &format!("UPDATE heartbeat.stats SET last_beat = clock_timestamp() - interval '{age}'"),
            )
            .await;
            let plan = sqlx::query(AssertSqlSafe(execute.clone())).fetch_one(&mut *connection).await;
            let plan: Value = plan.unwrap_or_else(|error| panic!("{}: {error}", self.name)).get(0);
            let plan = &plan[0]["Plan"];
            if sum(plan, &["WAL FPI"]) == 0 {
                let buffers = sum(plan, &["Shared Hit Blocks", "Shared Read Blocks"]);
                measurements.push([buffers, sum(plan, &["WAL Bytes"])]);
            }
            if measurements.len() == MEASUREMENTS {
                return median(&measurements);
            }
        }
        panic!("{}: each measurement had pages in the log", self.name);
    }
}

/// Connects when nobody else is connected, and nobody will be. While any transaction is open on a server, even one on
/// another database, PostgreSQL keeps rows that it else cleans away: the log gets shorter and tables longer.
async fn alone(database: &Database) -> PgConnection {
    database.execute("ALTER SYSTEM SET autovacuum = off").await;
    database.execute("SELECT pg_reload_conf()").await;
    let mut connection = database.connect().await;
    let others = "SELECT count(*) FROM pg_stat_activity
                  WHERE pid <> pg_backend_pid()
                      AND (backend_type = 'client backend' OR backend_type LIKE 'autovacuum %')";
    eventually("the end of the other sessions", async || {
        sqlx::query_scalar::<_, i64>(others).fetch_one(&mut connection).await.expect("a count") == 0
    })
    .await;
    connection
}

fn token(device: usize) -> String {
    format!("sha256('token of device {device}')")
}

async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.expect(sql);
}

/// Sums up figures of a plan. Each node's include those of the nodes below it and of what it reads from other parts of
/// the statement. A part that changes data and that no node reads runs at the end, and is in no other node's figures.
fn sum(plan: &Value, figures: &[&str]) -> i64 {
    let of = |node: &Value| figures.iter().map(|name| node[*name].as_i64().expect(name)).sum::<i64>();
    let nodes = nodes(plan);
    let read: Vec<&str> = nodes.iter().filter_map(|node| node["CTE Name"].as_str()).collect();
    let unread = nodes.iter().filter(|node| {
        let part = node["Subplan Name"].as_str().and_then(|name| name.strip_prefix("CTE "));
        part.is_some_and(|part| !read.contains(&part))
    });
    of(plan) + unread.map(|node| of(node)).sum::<i64>()
}

/// A node of a plan and all below it.
fn nodes(plan: &Value) -> Vec<&Value> {
    let below = plan["Plans"].as_array().into_iter().flatten().flat_map(nodes);
    std::iter::once(plan).chain(below).collect()
}

fn median(measurements: &[[i64; 2]]) -> [i64; 2] {
    [0, 1].map(|figure| {
        let mut values: Vec<i64> = measurements.iter().map(|measured| measured[figure]).collect();
        values.sort_unstable();
        values[values.len() / 2]
    })
}

/// The statements to measure: for one device each that can record a beat, for many those that are made for it.
fn statements() -> Vec<Measured> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.sqlx");
    let read = || {
        let files = fs::read_dir(&folder).expect(".sqlx").map(|file| file.expect("a file").path());
        let described = files.map(|file| fs::read_to_string(file).expect("a description"));
        described
            .filter_map(|text| serde_json::from_str::<Described>(&text).ok())
            .filter(Described::records_beats)
    };
    let one = read().filter(|statement| statement.is_full() || !statement.is_for_many());
    let many = read().filter(Described::is_for_many);
    let one = one.map(|statement| Measured::new(statement, 1));
    let mut all: Vec<_> = one.chain(many.map(|statement| Measured::new(statement, DEVICES))).collect();
    all.sort_by(|left, right| left.name.cmp(&right.name));
    all
}

#[tokio::test]
async fn beats_cost_postgresql_what_their_budgets_say() {
    let cluster = Cluster::start().await;
    let database = cluster.database().await;
    if database.number("SELECT current_setting('server_version_num')::bigint / 10000").await != RELEASE {
        return skipped(&format!("the budgets are those of PostgreSQL {RELEASE}"));
    }
    ServerBuilder::on(&database).start().await.stop().await;
    let mut connection = alone(&database).await;
    let devices = format!(
        "INSERT INTO heartbeat.devices (name, token_hash)
         SELECT 'Device ' || number, sha256(('token of device ' || number)::bytea)
         FROM generate_series(0, {DEVICES} - 1) AS number"
    );
    run(&mut connection, &devices).await;
    // As in sessions of ours.
    run(&mut connection, "SET jit = off; SET plan_cache_mode = force_generic_plan").await;

    let budgets = Budgets::read().postgres;
    let (mut names, mut failures) = (Vec::new(), String::new());
    for statement in statements() {
        let figures = statement.measure(&mut connection).await;
        for (unit, measured) in ["buffers", "wal_bytes"].into_iter().zip(figures) {
            if let Err(message) = check(&budgets, &statement.name, unit, measured) {
                writeln!(failures, "{message}").expect("memory");
            }
        }
        names.push(statement.name);
    }
    for name in budgets.keys().filter(|name| !names.contains(name)) {
        writeln!(failures, "{name}: no statement in .sqlx does this; there are {}", names.join(", "))
            .expect("memory");
    }
    assert!(
        failures.is_empty(),
        "PostgreSQL's share of a beat is not what tests/budgets.toml says:\n{failures}"
    );
}
