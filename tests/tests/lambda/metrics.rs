//! Metrics of a function: what the database knows, the same as a server tells, and nothing of the process.

use heartbeat_tests::{
    Database, FakeSecretsManager, Function, ServerBuilder, fake_secrets_manager::environment,
    server::SECRET_KEY,
};
use reqwest::Method;

const DATABASE: (&str, &str) = ("DATABASE_SECRET", "heartbeat/database");
const KEY: (&str, &str) = ("SECRET_KEY_SECRET", "heartbeat/key");
const TOKEN: (&str, &str) = ("METRICS_TOKEN_SECRET", "heartbeat/metrics");

/// Mark in the help of metrics that each process has for itself.
const OF_PROCESS: &str = "Of this process alone.";

/// Returns the lines of metrics that do not vary with time, each family's together.
fn steady(metrics: &str) -> Vec<&str> {
    metrics.lines().filter(|line| !line.contains("_seconds")).collect()
}

#[tokio::test]
async fn a_function_tells_what_the_database_knows() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).start().await;
    server.device("Laptop").await.beat().await;
    database.execute("INSERT INTO heartbeat.connections (id) VALUES ('a'), ('b')").await;
    let function = Function::start("metrics", &database, &[]).await;
    let response = function.request(&Method::GET, "/metrics", Some(SECRET_KEY), b"").await;
    assert_eq!((response.status, response.header("cache-control")), (200, "no-store"), "{response}");
    assert!(!response.body.contains(OF_PROCESS), "{response}");
    assert!(response.body.contains("\nheartbeat_viewers 2\n"), "{response}");

    let of_server = server.owner().get("/metrics").await.body;
    let process = of_server.find("# HELP heartbeat_commit_duration_seconds").expect("metrics of the process");
    let (of_database, of_process) = of_server.split_at(process);
    assert!(!of_database.contains(OF_PROCESS) && of_process.contains(OF_PROCESS));
    let without_viewers = |line: &&str| !line.contains("heartbeat_viewers");
    let of_function: Vec<&str> = steady(&response.body).into_iter().filter(without_viewers).collect();
    assert_eq!(of_function, steady(of_database));
}

#[tokio::test]
async fn a_function_takes_the_token_from_its_secret() {
    let database = Database::create().await;
    let database_url = database.url();
    let secrets = [(DATABASE.1, database_url.as_str()), (KEY.1, SECRET_KEY), (TOKEN.1, "a token\n")];
    let manager = FakeSecretsManager::start(&secrets).await;
    let url = manager.url();
    let variables = [environment(&url), vec![DATABASE, KEY, TOKEN]].concat();
    let function = Function::start("metrics", &database, &variables).await;
    for (authorization, status) in
        [("Bearer a token", 200), ("a token", 200), (SECRET_KEY, 200), ("wrong", 401)]
    {
        let response = function.request(&Method::GET, "/metrics", Some(authorization), b"").await;
        assert_eq!(response.status, status, "{authorization}: {response}");
    }
}
