//! Every Lambda function, from its start to its first answer, the connection to the database included, and its
//! size; against the smallest function there can be, and the smallest that asks a database.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use axum::{Router, http::StatusCode};
use heartbeat_functions::routes::ROUTES;
use heartbeat_tests::{Database, Function, lambda::EVENT_FUNCTIONS};
use reqwest::Method;
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    beats::middle,
    table::{Must, Table},
    target,
};

/// Starts of each function; the middle one counts.
const STARTS: usize = 15;

/// The functions that bring a drawing library or the AWS SDK along, for which there is no promise.
const LARGE: [&str; 6] =
    ["badge_last_seen", "badge_total_beats", "og", "pusher", "stream_connect", "stream_default"];

/// How much longer than the smallest a function may take to its first answer, in milliseconds.
const MORE_TIME: f64 = 12.0;

/// How much larger it may be than the smallest one that asks a database.
const MORE_SIZE: f64 = 1.5;

pub(crate) async fn measure(table: &mut Table) {
    let (database, cloud) = (Database::create().await, idle_cloud().await);
    // The first function sets the tables up, which is not part of a cold start.
    first_answer(&program("migrator"), "migrator", &database, &cloud).await;
    let smallest = start(&target().join("function/examples/smallest"), "smallest", &database, &cloud).await;
    let with_database = target().join("function/examples/smallest_with_database");
    let asks = start(&with_database, "smallest_with_database", &database, &cloud).await;

    table.heading("functions: start to first answer", "smallest");
    table.ratio("smallest_with_database", "ms", asks, smallest, Must::None);
    for name in names() {
        let time = start(&program(name), name, &database, &cloud).await;
        let must = if LARGE.contains(&name) { Must::None } else { Must::AtMost(1.0 + MORE_TIME / smallest) };
        table.ratio(name, "ms", time, smallest, must);
    }
    let limit = megabytes(&with_database);
    table.heading("functions: size", "smallest, database");
    for name in names() {
        let must = if LARGE.contains(&name) { Must::None } else { Must::AtMost(MORE_SIZE) };
        table.ratio(&format!("{name} (size)"), "MB", megabytes(&program(name)), limit, must);
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

/// The middle one of the times, in milliseconds, that a function's starts took.
async fn start(program: &Path, name: &str, database: &Database, cloud: &str) -> f64 {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        times.push(first_answer(program, name, database, cloud).await.as_secs_f64() * 1e3);
    }
    middle(times)
}

/// Starts a function and asks it once; returns how long that took.
async fn first_answer(program: &Path, name: &str, database: &Database, cloud: &str) -> Duration {
    let environment = [
        ("AWS_ACCESS_KEY_ID", "none"),
        ("AWS_SECRET_ACCESS_KEY", "none"),
        ("AWS_ENDPOINT_URL_LAMBDA", cloud),
        ("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", cloud),
        ("PUSHER_FUNCTION", "none"),
    ];
    let started = Instant::now();
    let function =
        Function::start_program(program, name, database, &environment, Duration::from_mins(1)).await;
    if let Some(route) = ROUTES.iter().find(|route| route.name == name) {
        let method =
            if route.paths[0].starts_with("/api/") && name != "stats" { Method::POST } else { Method::GET };
        let path = route.paths[0].replace("{id}", "0").replace("{file}", "heartbeat.css");
        function.request(&method, &path, Some("the owner's key"), br#"{"name": "Laptop"}"#).await;
    } else if EVENT_FUNCTIONS.contains(&name) {
        let event = json!({ "requestContext": { "connectionId": "none" } });
        function.invoke(event).await.expect("an answer");
    } else {
        function.request(&Method::GET, "/", None, b"").await;
    }
    started.elapsed()
}

/// Takes frames and the orders to start a function, and does nothing about them.
async fn idle_cloud() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its number");
    let accept = Router::new().fallback(async || StatusCode::ACCEPTED);
    tokio::spawn(async move { axum::serve(listener, accept).await });
    format!("http://{address}")
}
