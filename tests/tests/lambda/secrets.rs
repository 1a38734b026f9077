//! Secrets of functions: read from Secrets Manager when a function starts, and again after a rotation.

use std::time::Instant;

use heartbeat_tests::{
    Cluster, Database, FakeSecretsManager, Function, TlsFront, eventually,
    fake_discord::{Behavior, FakeDiscord},
    fake_secrets_manager::environment,
    server::SECRET_KEY,
};
use reqwest::Method;
use serde_json::json;

const DATABASE: (&str, &str) = ("DATABASE_SECRET", "heartbeat/database");
const KEY: (&str, &str) = ("SECRET_KEY_SECRET", "heartbeat/key");
const WEBHOOK: (&str, &str) = ("WEBHOOK_SECRET", "heartbeat/webhook");

/// User of a database that asks for passwords.
const USER: &str = "beats";

/// Secrets Manager with the URL of the database and the owner's key.
async fn manager(database_url: &str) -> FakeSecretsManager {
    FakeSecretsManager::start(&[(DATABASE.1, database_url), (KEY.1, SECRET_KEY)]).await
}

/// Starts a function that has `secrets` from the manager at `url`.
async fn start(name: &str, database: &Database, url: &str, secrets: &[(&str, &str)]) -> Function {
    Function::start(name, database, &[environment(url), secrets.to_vec()].concat()).await
}

/// Registers a device; returns its token.
async fn register(devices: &Function) -> String {
    let body = br#"{"name": "Laptop"}"#;
    let response = devices.request(&Method::POST, "/api/devices", Some(SECRET_KEY), body).await;
    response.json()["token"].as_str().expect("a token").to_owned()
}

async fn beat(function: &Function, token: &str) -> u16 {
    function.request(&Method::POST, "/api/beat", Some(token), b"").await.status
}

#[tokio::test]
async fn a_function_reads_its_secrets_once_when_it_starts() {
    let database = Database::create().await;
    let manager = manager(&(database.url() + "\n")).await;
    let url = manager.url();
    let devices = start("owner", &database, &url, &[DATABASE, KEY]).await;
    let first = register(&devices).await;
    assert_ne!(register(&devices).await, first);
    assert_eq!((manager.reads(DATABASE.1), manager.reads(KEY.1)), (1, 1));
    let wrong = devices.request(&Method::POST, "/api/devices", Some("wrong"), b"{}").await;
    assert_eq!(wrong.status, 401, "{wrong}");
    assert_eq!(manager.reads(KEY.1), 1);
}

#[tokio::test]
async fn a_failure_that_passes_does_not_keep_a_function_from_starting() {
    let database = Database::create().await;
    let manager = manager(&database.url()).await;
    manager.fail_once();
    let url = manager.url();
    let stats = start("stats", &database, &url, &[DATABASE]).await;
    assert_eq!(stats.request(&Method::GET, "/api/stats", None, b"").await.status, 200);
    assert_eq!(manager.reads(DATABASE.1), 2);
}

#[tokio::test]
async fn variables_of_the_configuration_win_over_secrets() {
    let database = Database::create().await;
    let manager = manager("postgresql://localhost/nowhere").await;
    let (url, dsn) = (manager.url(), database.url());
    let stats = start("stats", &database, &url, &[DATABASE, ("HEARTBEAT_DATABASE_DSN", &*dsn)]).await;
    assert_eq!(stats.request(&Method::GET, "/api/stats", None, b"").await.status, 200);
    assert_eq!(manager.reads(DATABASE.1), 0);
}

/// A database that asks its [`USER`] for a password.
async fn database_with_password(password: &str) -> (Cluster, Database) {
    let cluster = Cluster::start().await;
    let database = cluster.database().await;
    database.execute(&format!("CREATE ROLE {USER} LOGIN PASSWORD '{password}'")).await;
    database.execute(&format!("GRANT CREATE ON DATABASE {} TO {USER}", database.name())).await;
    cluster.require_passwords().await;
    (cluster, database)
}

/// Changes the password and ends the connections that the old one opened.
async fn change_password(database: &Database, password: &str) {
    database.execute(&format!("ALTER ROLE {USER} PASSWORD '{password}'")).await;
    database.end_connections().await;
}

#[tokio::test]
async fn after_a_rotation_of_the_password_no_request_fails() {
    let (_cluster, database) = database_with_password("first").await;
    let manager = manager(&database.url_as(USER, "first")).await;
    let url = manager.url();
    let devices = start("owner", &database, &url, &[DATABASE, KEY]).await;
    let token = register(&devices).await;
    let function = start("beat", &database, &url, &[DATABASE]).await;
    assert_eq!(beat(&function, &token).await, 200);
    let before = manager.reads(DATABASE.1);

    function.freeze();
    change_password(&database, "second").await;
    manager.put(DATABASE.1, &database.url_as(USER, "second"));
    function.thaw();
    assert_eq!(beat(&function, &token).await, 200);
    assert_eq!(manager.reads(DATABASE.1) - before, 1);

    database.end_connections().await;
    assert_eq!(beat(&function, &token).await, 200);
    assert_eq!(manager.reads(DATABASE.1) - before, 1, "the new password is kept");
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, 3);
}

#[tokio::test]
async fn a_wrong_password_does_not_flood_secrets_manager() {
    let (_cluster, database) = database_with_password("right").await;
    let manager = manager(&database.url_as(USER, "wrong")).await;
    let url = manager.url();
    let function = start("beat", &database, &url, &[DATABASE]).await;
    let started = Instant::now();
    for _ in 0..8 {
        assert_eq!(beat(&function, "any").await, 503);
    }
    // Once at the start, once again, and on a busy machine each ten seconds.
    let (reads, intervals) = (manager.reads(DATABASE.1), started.elapsed().as_secs() / 10);
    assert!(reads >= 2 && reads as u64 <= 2 + intervals, "{reads} reads in {intervals} intervals");
    let refusal = "refuses this user or password";
    eventually("the reason in the log", async || function.log().contains(refusal)).await;
}

#[tokio::test]
async fn the_webhook_is_known_to_the_function_that_notifies() {
    let database = Database::create().await;
    let mut discord = FakeDiscord::start(Behavior::Accepts).await;
    let manager = manager(&database.url()).await;
    // No function may point to its own machine: the name is one that its proxy knows.
    let proxy = discord.url.split_once("/api").expect("a path").0.to_owned();
    manager.put(WEBHOOK.1, &discord.url.replace("127.0.0.1:", "discord.example:"));
    let url = manager.url();
    let level = ("HEARTBEAT_WEBHOOK_LEVEL", "new_devices");
    register(&start("owner", &database, &url, &[DATABASE, KEY, level]).await).await;
    assert_eq!(manager.reads(WEBHOOK.1), 0);
    let minutely =
        start("minutely", &database, &url, &[DATABASE, WEBHOOK, level, ("HTTP_PROXY", &proxy)]).await;
    assert_eq!(minutely.invoke(json!({})).await, Ok(json!({})));
    assert_eq!(discord.embeds().len(), 1);
    assert_eq!(manager.reads(WEBHOOK.1), 1);
}

#[tokio::test]
async fn a_secret_that_cannot_be_used_is_named_but_never_shown() {
    let database = Database::reserve();
    let manager = manager("mysql://ada:hush@localhost/db").await;
    let (url, closed) = (manager.url(), "http://127.0.0.1:9");
    for (url, secret, expected) in [
        (&*url, DATABASE, "database.dsn (secret that DATABASE_SECRET names): expected a PostgreSQL URL"),
        (
            &url,
            ("DATABASE_SECRET", "hush"),
            "DATABASE_SECRET (environment variable): Secrets Manager: ResourceNotFoundException, status 400; expected the name or the ARN of a secret in this region",
        ),
        (
            closed,
            DATABASE,
            "DATABASE_SECRET (environment variable): Secrets Manager: cannot connect; a function in a VPC needs an endpoint for secretsmanager",
        ),
    ] {
        let log = start("stats", &database, url, &[secret]).await.failed().await;
        assert!(log.contains(expected), "{log}");
        assert!(!log.contains("hush"), "{log}");
    }
}

#[tokio::test]
async fn a_server_with_a_certificate_that_nobody_trusts_gets_no_request() {
    let database = Database::reserve();
    let manager = manager(&database.url()).await;
    let front = TlsFront::before_port(manager.port()).await;
    let url = front.url();
    let log = start("stats", &database, &url, &[DATABASE]).await.failed().await;
    assert!(log.contains("Secrets Manager: cannot connect"), "{log}");
    assert_eq!(manager.reads(DATABASE.1), 0);
}
