//! Prometheus and its tools on the metrics, and the files in `infra` that are made for them.

use std::{collections::BTreeSet, fs, path::Path, process::Stdio};

use heartbeat_tests::{
    Client, Database, ReservedPort, ServerBuilder, eventually,
    fake_discord::{Behavior, FakeDiscord},
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, process::Command};

use crate::metrics::scrape;

const TOKEN: &str = "a token for Prometheus";

const CONFIGURATION: &str = include_str!("../../../infra/prometheus/prometheus.yml");
const RULES: &str = include_str!("../../../infra/prometheus/rules.yml");
const TESTS_OF_RULES: &str = include_str!("../../../infra/prometheus/rules_test.yml");
const DASHBOARD: &str = include_str!("../../../infra/grafana/heartbeat.json");

/// Whether Prometheus is there. On CI it must be.
fn is_installed() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_installed = std::env::split_paths(&path).any(|folder| folder.join("promtool").is_file());
    if !is_installed {
        assert!(std::env::var_os("CI").is_none(), "infra/scripts/install-prometheus was not run");
        heartbeat_tests::skipped("Prometheus is not installed: run infra/scripts/install-prometheus");
    }
    is_installed
}

/// Runs `promtool` in `folder` with `input`; returns what it printed. Fails unless it is content.
async fn promtool(folder: &Path, arguments: &[&str], input: &str) -> String {
    let mut command = Command::new("promtool");
    command.args(arguments).current_dir(folder).kill_on_drop(true);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().expect("promtool");
    let mut stdin = process.stdin.take().expect("its standard input");
    stdin.write_all(input.as_bytes()).await.expect("input that is read");
    drop(stdin);
    let output = process.wait_with_output().await.expect("its output");
    let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "promtool {arguments:?}: {printed}");
    printed
}

/// Returns a folder with the files for Prometheus and the token.
fn folder_of_prometheus(configuration: &str) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    let files = [
        ("prometheus.yml", configuration),
        ("rules.yml", RULES),
        ("rules_test.yml", TESTS_OF_RULES),
        ("metrics_token", TOKEN),
    ];
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a file");
    }
    folder
}

/// A server with every metric that there is.
async fn busy_server(database: &Database) -> (heartbeat_tests::Server, FakeDiscord) {
    let discord = FakeDiscord::start(Behavior::Responds(500, "x-none", "")).await;
    let server = ServerBuilder::on(database)
        .environment("HEARTBEAT_METRICS_TOKEN", TOKEN)
        .environment("HEARTBEAT_WEBHOOK_URL", &discord.url)
        .environment("HEARTBEAT_WEBHOOK_LEVEL", "all")
        .start()
        .await;
    server.device("Laptop").await.beat().await;
    let owner = server.owner();
    eventually("every metric", async || {
        scrape(&owner).await.contains("heartbeat_notification_failures_total{channel=\"config:discord\"}")
    })
    .await;
    (server, discord)
}

#[tokio::test]
async fn prometheus_reads_the_metrics_with_the_sample_configuration() {
    if !is_installed() {
        return;
    }
    let database = Database::create().await;
    let (server, _discord) = busy_server(&database).await;
    let configuration = CONFIGURATION
        .replace("127.0.0.1:6060", &format!("127.0.0.1:{}", server.port()))
        .replace("scrape_interval: 30s", "scrape_interval: 1s");
    let folder = folder_of_prometheus(&configuration);
    let port = ReservedPort::new();
    let mut command = Command::new("prometheus");
    let address = format!("127.0.0.1:{}", port.number());
    command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"]);
    command.arg(format!("--web.listen-address={address}"));
    command.current_dir(&folder).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let _prometheus = command.spawn().expect("Prometheus");

    let client = Client::new(&format!("http://{address}"));
    let query = async |query: &str| -> Value {
        let path = format!("/api/v1/query?query={query}");
        let response = client.try_send(reqwest::Method::GET, &path, Vec::new()).await;
        let response = response.ok().filter(|response| response.status == 200);
        response.map(|response| response.json()["data"]["result"][0].clone()).unwrap_or_default()
    };
    eventually("a scrape", async || query("up").await["value"][1] == "1").await;
    let beats = query("heartbeat_beats_total").await;
    assert_eq!((&beats["metric"]["device"], &beats["value"][1]), (&"0".into(), &"1".into()));
    assert_eq!(query("heartbeat_device_info").await["metric"]["name"], "Laptop");
    let targets = client.get("/api/v1/targets").await.json();
    assert_eq!(targets["data"]["activeTargets"][0]["lastError"], "");
}

#[tokio::test]
async fn its_tools_find_nothing_to_say_about_metrics_rules_and_configuration() {
    if !is_installed() {
        return;
    }
    let database = Database::create().await;
    let (server, _discord) = busy_server(&database).await;
    let folder = folder_of_prometheus(CONFIGURATION);
    let metrics = scrape(&server.owner()).await;
    assert_eq!(promtool(folder.path(), &["check", "metrics"], &metrics).await, "");
    promtool(folder.path(), &["check", "config", "prometheus.yml"], "").await;
    promtool(folder.path(), &["check", "rules", "rules.yml"], "").await;
    promtool(folder.path(), &["test", "rules", "rules_test.yml"], "").await;
}

/// Returns the names of our metrics in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !is_part(c)).filter(|word| word.starts_with("heartbeat_")).collect()
}

/// Returns the expressions of a dashboard, and of all below.
fn expressions(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| match value {
                Value::String(text) if name == "expr" => vec![text.clone()],
                _ => expressions(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(expressions).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn the_rules_and_the_dashboard_know_only_metrics_that_there_are_and_the_book_has_all() {
    let database = Database::create().await;
    let (server, _discord) = busy_server(&database).await;
    database
        .execute(
            "INSERT INTO heartbeat.alerts (name) VALUES ('Unusual');
             UPDATE heartbeat.alert_evaluation SET evaluated_at = now()",
        )
        .await;
    let metrics = scrape(&server.owner()).await;
    let samples: Vec<&str> = metrics.lines().filter(|line| !line.starts_with('#')).collect();
    let existing: BTreeSet<&str> =
        samples.iter().map(|line| line.split(['{', ' ']).next().unwrap_or_default()).collect();
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let expressions = expressions(&dashboard).join(" ");
    for (file, text) in [("rules.yml", RULES), ("heartbeat.json", &expressions)] {
        let used = names(text);
        assert!(used.len() > 3 && used.is_subset(&existing), "{file}: {used:?} in {existing:?}");
    }
    let book = include_str!("../../../docs/metrics.md");
    let families = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    for family in families {
        assert!(book.contains(&format!("`{family}`")), "docs/metrics.md does not have {family}");
    }
}
