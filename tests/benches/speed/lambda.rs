//! Lambda functions: cold start (from the start to the first response, with the connection to the database) and
//! size, compared with a minimal function, and with a minimal one that queries a database.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use axum::{Router, http::StatusCode};
use heartbeat_functions::routes::ROUTES;
use heartbeat_tests::{
    Database, FakeSecretsManager, Function, fake_secrets_manager, lambda::EVENT_FUNCTIONS, server::SECRET_KEY,
};
use reqwest::Method;
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    beats::median,
    table::{Table, Target},
    target,
};

/// Number of starts of each function; the median counts.
const STARTS: usize = 15;

/// Functions with a drawing library or the AWS SDK, which have no target.
const LARGE: [&str; 7] =
    ["badge_last_seen", "badge_total_beats", "minutely", "og", "pusher", "stream_connect", "stream_default"];

/// Maximum of the cold start above that of the minimal function, in milliseconds.
const ADDED_TIME_MAX: f64 = 12.0;

/// Function that has two secrets, read at the same time.
const FUNCTION_WITH_SECRETS: &str = "owner";

/// Maximum of what reading them adds to its cold start, in milliseconds. TLS and the network come on top.
const SECRETS_TIME_MAX: f64 = 25.0;

/// Maximum ratio of the size to that of the minimal function with a database.
const SIZE_RATIO_MAX: f64 = 1.5;

pub(crate) async fn measure(table: &mut Table) {
    let (database, aws_url) = (Database::create().await, fake_aws().await);
    let environment = environment(&aws_url);
    // Sets the tables up, which is not part of a cold start.
    first_response(&program("migrator"), "migrator", &database, &environment).await;
    let smallest =
        cold_start(&target().join("function/examples/smallest"), "smallest", &database, &environment).await;
    let with_database = target().join("function/examples/smallest_with_database");
    let smallest_queried =
        cold_start(&with_database, "smallest_with_database", &database, &environment).await;

    table.heading("functions: start to first answer", "smallest");
    table.ratio("smallest_with_database", "ms", smallest_queried, smallest, Target::None);
    let mut without_secrets = 0.0;
    for name in names() {
        let time = cold_start(&program(name), name, &database, &environment).await;
        let target = if LARGE.contains(&name) {
            Target::None
        } else {
            Target::AtMost(1.0 + ADDED_TIME_MAX / smallest)
        };
        table.ratio(name, "ms", time, smallest, target);
        if name == FUNCTION_WITH_SECRETS {
            without_secrets = time;
        }
    }
    let time = cold_start_with_secrets(&database).await;
    let target = Target::AtMost((without_secrets + SECRETS_TIME_MAX) / smallest);
    table.ratio(&format!("{FUNCTION_WITH_SECRETS}, two secrets"), "ms", time, smallest, target);
    measure_sizes(table, &with_database);
}

fn measure_sizes(table: &mut Table, with_database: &Path) {
    let limit = megabytes(with_database);
    table.heading("functions: size", "smallest, database");
    for name in names() {
        let target = if LARGE.contains(&name) { Target::None } else { Target::AtMost(SIZE_RATIO_MAX) };
        table.ratio(&format!("{name} (size)"), "MB", megabytes(&program(name)), limit, target);
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    ROUTES.iter().map(|route| route.name).chain(EVENT_FUNCTIONS)
}

fn program(name: &str) -> PathBuf {
    target().join("function").join(name)
}

#[expect(clippy::cast_precision_loss, reason = "megabytes")]
fn megabytes(program: &Path) -> f64 {
    fs::metadata(program).expect("a function").len() as f64 / 1e6
}

/// Returns the median cold start of a function, in milliseconds.
async fn cold_start(program: &Path, name: &str, database: &Database, environment: &[(&str, &str)]) -> f64 {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        times.push(first_response(program, name, database, environment).await.as_secs_f64() * 1e3);
    }
    median(times)
}

/// Starts a function and invokes it once; returns how long that took.
async fn first_response(
    program: &Path,
    name: &str,
    database: &Database,
    environment: &[(&str, &str)],
) -> Duration {
    let started = Instant::now();
    let function =
        Function::start_program(program, name, database, environment, Duration::from_mins(1)).await;
    if let Some(route) = ROUTES.iter().find(|route| route.name == name) {
        let path = route.paths[0].replace("{id}", "0").replace("{file}", "heartbeat.css");
        function.request(&route.methods[0], &path, Some("the owner's key"), br#"{"name": "Laptop"}"#).await;
    } else if EVENT_FUNCTIONS.contains(&name) {
        let event = json!({ "requestContext": { "connectionId": "none" } });
        function.invoke(event).await.expect("a response");
    } else {
        function.request(&Method::GET, "/", None, b"").await;
    }
    started.elapsed()
}

/// Environment of a function that calls the AWS APIs at this URL.
fn environment(aws_url: &str) -> [(&str, &str); 5] {
    [
        ("AWS_ACCESS_KEY_ID", "none"),
        ("AWS_SECRET_ACCESS_KEY", "none"),
        ("AWS_ENDPOINT_URL_LAMBDA", aws_url),
        ("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", aws_url),
        ("PUSHER_FUNCTION", "none"),
    ]
}

/// Returns the median cold start of the [`FUNCTION_WITH_SECRETS`] where it reads them from a stand-in for Secrets Manager.
async fn cold_start_with_secrets(database: &Database) -> f64 {
    let manager = FakeSecretsManager::start(&[("database", &database.url()), ("key", SECRET_KEY)]).await;
    let url = manager.url();
    let mut environment = fake_secrets_manager::environment(&url);
    environment.extend([("DATABASE_SECRET", "database"), ("SECRET_KEY_SECRET", "key")]);
    cold_start(&program(FUNCTION_WITH_SECRETS), FUNCTION_WITH_SECRETS, database, &environment).await
}

/// Starts a fake of the AWS APIs that accepts every call; returns its URL.
async fn fake_aws() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("a local address").port();
    let accept = Router::new().fallback(async || StatusCode::ACCEPTED);
    tokio::spawn(async move { axum::serve(listener, accept).await });
    format!("http://127.0.0.1:{port}")
}
