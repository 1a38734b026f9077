//! Prints, for every Lambda function in a folder, its size and how long it takes from its start to
//! its first answer, the connection to the database included. `make bench` runs this.
//!
//! The times are the machine's as much as the function's: compare lines of one run.

#![expect(clippy::print_stdout, reason = "prints a table")]

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use axum::{Router, http::StatusCode};
use heartbeat_functions::routes::ROUTES;
use heartbeat_tests::{Database, Function, lambda::EVENT_FUNCTIONS};
use reqwest::Method;
use serde_json::json;
use tokio::net::TcpListener;

/// Starts of each function; the middle one counts.
const STARTS: usize = 15;

#[tokio::main]
async fn main() {
    let folder: PathBuf = std::env::args_os().nth(1).expect("the folder of the functions").into();
    let (database, cloud) = (Database::create().await, idle_cloud().await);
    // The first function sets the tables up, which is not part of anybody's cold start.
    first_answer(&folder, "migrator", &database, &cloud).await;
    println!("{:<24} {:>9} {:>18}", "function", "size", "start to answer");
    for name in ROUTES.iter().map(|route| route.name).chain(EVENT_FUNCTIONS) {
        let mut times = Vec::new();
        for _ in 0..STARTS {
            times.push(first_answer(&folder, name, &database, &cloud).await);
        }
        times.sort();
        let size = std::fs::metadata(program(&folder, name)).expect("a function").len();
        println!("{name:<24} {:>6} kB {:>15.1} ms", size / 1000, times[STARTS / 2].as_secs_f64() * 1000.0);
    }
}

fn program(folder: &Path, name: &str) -> PathBuf {
    folder.join(name).join("bootstrap")
}

/// Starts a function and asks it once; returns how long that took.
async fn first_answer(folder: &Path, name: &str, database: &Database, cloud: &str) -> Duration {
    let environment = [
        ("AWS_ACCESS_KEY_ID", "none"),
        ("AWS_SECRET_ACCESS_KEY", "none"),
        ("AWS_ENDPOINT_URL_LAMBDA", cloud),
        ("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", cloud),
        ("PUSHER_FUNCTION", "none"),
    ];
    let program = program(folder, name);
    let started = Instant::now();
    let function =
        Function::start_program(&program, name, database, &environment, Duration::from_mins(1)).await;
    if let Some(route) = ROUTES.iter().find(|route| route.name == name) {
        let method =
            if route.paths[0].starts_with("/api/") && name != "stats" { Method::POST } else { Method::GET };
        let path = route.paths[0].replace("{id}", "0").replace("{file}", "heartbeat.css");
        function.request(&method, &path, Some("the owner's key"), br#"{"name": "Laptop"}"#).await;
    } else {
        let event = json!({ "requestContext": { "connectionId": "none" } });
        function.invoke(event).await.expect("an answer");
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
