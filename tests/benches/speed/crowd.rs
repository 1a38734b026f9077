//! A crowd of Lambda functions on a database that allows few connections, behind PgBouncer: beats through the function's
//! program, whose processes are frozen between two invocations as Lambda freezes them. Compared with the same crowd on
//! a database that has a connection for each.

use std::time::{Duration, Instant};

use heartbeat_tests::{Cluster, Database, Function, PgBouncer};
use reqwest::Method;
use tokio::task::JoinSet;

use crate::{
    devices,
    table::{Table, Target},
    target,
};

/// Number of function processes, each with a device of its own.
const FUNCTIONS: usize = 200;

/// Connections that the database allows.
const CONNECTIONS_MAX: u32 = 50;

/// Sessions that the pooler uses of these: some are kept for superusers, and for what else there is.
const SESSIONS: usize = 40;

/// Beats of each function, after a first one in which it connects.
const BEATS: usize = 20;

/// Timeout of an invocation, as in the template.
const INVOCATION_TIMEOUT: Duration = Duration::from_secs(10);

/// Results of a crowd's beats.
#[derive(Debug, Default)]
struct Tally {
    latencies: Vec<Duration>,
    refused: usize,
}

pub(crate) async fn measure(table: &mut Table) {
    let mut cluster = Cluster::start().await;
    let database = cluster.database().await;
    database.execute(&format!("ALTER SYSTEM SET max_connections = {CONNECTIONS_MAX}")).await;
    cluster.kill().await;
    cluster.restart().await;
    let Some(pooler) = PgBouncer::start(&database, SESSIONS).await else { return };
    let url = pooler.url(&database);
    let environment = [("HEARTBEAT_DATABASE_DSN", &*url), ("HEARTBEAT_DATABASE_POOLER", "transaction")];
    let (shared, shared_rate) = crowd(&database, &environment).await;

    let roomy = Database::create().await;
    let (direct, direct_rate) = crowd(&roomy, &[]).await;

    table.heading(&format!("beats of {FUNCTIONS} functions, {CONNECTIONS_MAX} connections"), "one for each");
    table.ratio("crowd: beats", "/s", shared_rate, direct_rate, Target::None);
    for (name, share) in [("p50", 50), ("p99", 99)] {
        table.ratio(
            &format!("crowd: {name}"),
            "ms",
            shared.percentile(share),
            direct.percentile(share),
            Target::None,
        );
    }
    table.value("crowd: beats refused", "", count(shared.refused), Target::AtMost(0.0));
}

impl Tally {
    /// Latency that `share` per cent of the beats stay below, in milliseconds.
    fn percentile(&self, share: usize) -> f64 {
        let mut latencies = self.latencies.clone();
        latencies.sort();
        latencies[(latencies.len() - 1) * share / 100].as_secs_f64() * 1e3
    }
}

#[expect(clippy::cast_precision_loss, reason = "a small number")]
fn count(number: usize) -> f64 {
    number as f64
}

/// Lets a crowd beat; returns its tally, and beats per second.
async fn crowd(database: &Database, environment: &[(&str, &str)]) -> (Tally, f64) {
    let migrator = start("migrator", database, environment).await;
    migrator.invoke(serde_json::json!({})).await.expect("the tables");
    devices::register(database, FUNCTIONS).await;
    let mut starting = Vec::new();
    for number in 0..FUNCTIONS {
        let function = start("beat", database, environment).await;
        // It connects.
        beat(&function, number).await;
        starting.push((function, number));
    }
    let before = database.number("SELECT count(*) FROM heartbeat.beats").await;
    let started = Instant::now();
    let mut functions = JoinSet::new();
    for (function, number) in starting {
        functions.spawn(async move { beats(&function, number).await });
    }
    let mut tally = Tally::default();
    while let Some(of_one) = functions.join_next().await {
        let of_one = of_one.expect("answers");
        tally.latencies.extend(of_one.latencies);
        tally.refused += of_one.refused;
    }
    let rate = count(tally.latencies.len()) / started.elapsed().as_secs_f64();
    let rows = database.number("SELECT count(*) FROM heartbeat.beats").await - before;
    assert_eq!(usize::try_from(rows), Ok(tally.latencies.len()), "a row for each beat that was accepted");
    (tally, rate)
}

async fn start(name: &str, database: &Database, environment: &[(&str, &str)]) -> Function {
    let program = target().join("function").join(name);
    Function::start_program(&program, name, database, environment, INVOCATION_TIMEOUT).await
}

/// Lets one function beat, frozen before and after each beat.
async fn beats(function: &Function, number: usize) -> Tally {
    let mut tally = Tally::default();
    function.freeze();
    for _ in 0..BEATS {
        let invoked = Instant::now();
        function.thaw();
        let is_accepted = beat(function, number).await;
        function.freeze();
        if is_accepted {
            tally.latencies.push(invoked.elapsed());
        } else {
            tally.refused += 1;
        }
    }
    function.thaw();
    tally
}

/// Sends a beat of a device; returns whether it was accepted.
async fn beat(function: &Function, number: usize) -> bool {
    let token = format!("token {number}");
    function.request(&Method::POST, "/api/beat", Some(&token), b"").await.status == 200
}
