//! Behavior particular to functions: stages, outages, frozen processes, round trips, programs.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use heartbeat_functions::routes::{ROUTES, Route};
use heartbeat_tests::{
    CountingProxy, Database, Function, database::migrations, eventually, lambda::EVENT_FUNCTIONS,
    server::SECRET_KEY,
};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn the_name_of_the_stage_is_no_part_of_the_path() {
    let database = Database::create().await;
    for stage in ["$default", "prod", "api"] {
        let function = Function::start("stats", &database, &[]).await.behind_stage(stage);
        let response = function.request(&Method::GET, "/api/stats", None, b"").await;
        assert_eq!(response.status, 200, "{stage}: {response}");
        let response = function.request(&Method::GET, "/elsewhere", None, b"").await;
        assert_eq!(response.status, 404, "{stage}: {response}");
    }
}

#[tokio::test]
async fn while_the_database_is_away_a_function_answers_503_and_then_recovers() {
    let database = Database::reserve();
    let function = Function::start("stats", &database, &[]).await;
    for _ in 0..2 {
        let response = function.request(&Method::GET, "/api/stats", None, b"").await;
        assert_eq!((response.status, response.header("retry-after")), (503, "5"));
    }
    database.create_now().await;
    assert_eq!(function.request(&Method::GET, "/api/stats", None, b"").await.status, 200);
}

#[tokio::test]
async fn log_lines_are_json_and_name_the_request() {
    let function = Function::start("stats", &Database::reserve(), &[]).await;
    assert_eq!(function.request(&Method::GET, "/api/stats", None, b"").await.status, 503);
    eventually("the log line of the request", async || function.log().contains("\"status\":503")).await;
    let mut lines_of_request = 0;
    for line in function.log().lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        if line["span"]["requestId"] == "8476a536-e9f4-11e8-9739-2dfe598c3fcd" {
            lines_of_request += 1;
        }
    }
    // One line with the status, one with the cause.
    assert!(lines_of_request >= 2, "{}", function.log());
}

#[tokio::test]
async fn a_warm_beat_is_one_round_trip_to_the_database() {
    let (database, proxy) = (Database::create().await, CountingProxy::start().await);
    let token = register(&database).await;
    let function =
        Function::start("beat", &database, &[("HEARTBEAT_DATABASE_DSN", &proxy.url(&database))]).await;
    beat(&function, &token).await;
    let cold = proxy.round_trips();
    function.freeze();
    // Long enough that a server process would first ping the connection.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    function.thaw();
    beat(&function, &token).await;
    assert_eq!(proxy.round_trips() - cold, 1);
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, 2);
}

#[tokio::test]
async fn a_connection_that_the_database_closed_meanwhile_loses_no_beat() {
    let (database, proxy) = (Database::create().await, CountingProxy::start().await);
    let token = register(&database).await;
    for url in [database.url(), proxy.url(&database)] {
        let function = Function::start("beat", &database, &[("HEARTBEAT_DATABASE_DSN", &url)]).await;
        beat(&function, &token).await;
        function.freeze();
        database.end_connections().await;
        function.thaw();
        beat(&function, &token).await;
    }
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, 4);
    assert_eq!(database.number("SELECT num_beats FROM heartbeat.devices").await, 4);
}

/// Registers a device; returns its token.
async fn register(database: &Database) -> String {
    let function = Function::start("owner", database, &[]).await;
    let body = br#"{"name": "Laptop"}"#;
    let response = function.request(&Method::POST, "/api/devices", Some(SECRET_KEY), body).await;
    response.json()["token"].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn an_editor_beats_with_the_key_that_the_owner_made_for_it() {
    const PATH: &str = "/api/v1/users/current/heartbeats.bulk";
    let (database, proxy) = (Database::create().await, CountingProxy::start().await);
    register(&database).await;
    let keys = Function::start("owner", &database, &[]).await;
    let made = keys.request(&Method::POST, "/api/devices/0/editor-key", Some(SECRET_KEY), b"").await;
    assert_eq!(made.status, 201, "{made}");
    let key = made.json()["key"].as_str().expect("a key").to_owned();

    let environment = [("HEARTBEAT_DATABASE_DSN", &*proxy.url(&database))];
    let function = Function::start("wakatime_heartbeats", &database, &environment).await;
    let basic = format!("Basic {}", BASE64_STANDARD.encode(&key));
    let now = database.number("SELECT extract(epoch FROM now())::bigint").await;
    let send = async |body: Value| {
        function.request(&Method::POST, PATH, Some(&basic), body.to_string().as_bytes()).await.status
    };
    assert_eq!(send(json!([{ "time": 7 }, { "time": now }])).await, 201);
    assert_eq!(database.number("SELECT num_beats FROM heartbeat.devices").await, 1);
    let before = proxy.round_trips();
    assert_eq!(send(json!([{ "time": 7 }])).await, 201);
    assert_eq!(proxy.round_trips() - before, 1, "the lookup of the key, and no more");
    assert_eq!(database.number("SELECT num_beats FROM heartbeat.devices").await, 1);

    let removed = keys.request(&Method::DELETE, "/api/devices/0/editor-key", Some(SECRET_KEY), b"").await;
    assert_eq!(removed.status, 204, "{removed}");
    assert_eq!(send(json!([{ "time": now }])).await, 401);
}

#[tokio::test]
async fn a_phone_is_paired_through_functions() {
    let database = Database::create().await;
    let old = register(&database).await;
    let codes = Function::start("owner", &database, &[]).await;
    let made = codes.request(&Method::POST, "/api/devices/0/pairing", Some(SECRET_KEY), b"").await;
    assert_eq!(made.status, 201, "{made}");
    let code = json!({ "code": made.json()["code"] }).to_string();
    let pair = Function::start("pair", &database, &[]).await;
    let redeemed = pair.request(&Method::POST, "/api/pair", None, code.as_bytes()).await;
    assert_eq!(redeemed.status, 200, "{redeemed}");
    let new = redeemed.json()["token"].as_str().expect("a token").to_owned();

    // Of several functions, each with a connection of its own, that get the same token at once.
    let beats = [
        Function::start("beat", &database, &[]).await,
        Function::start("beat", &database, &[]).await,
        Function::start("beat", &database, &[]).await,
    ];
    beat(&beats[0], &old).await;
    tokio::join!(beat(&beats[0], &new), beat(&beats[1], &new), beat(&beats[2], &new));
    for function in &beats {
        assert_eq!(function.request(&Method::POST, "/api/beat", Some(&old), b"").await.status, 401);
    }
    let again = pair.request(&Method::POST, "/api/pair", None, code.as_bytes()).await;
    assert_eq!(again.status, 404, "{again}");
    assert_eq!(database.number("SELECT num_beats FROM heartbeat.devices").await, 4);
}

async fn beat(function: &Function, token: &str) {
    let response = function.request(&Method::POST, "/api/beat", Some(token), b"").await;
    assert_eq!(response.status, 200, "{response}");
}

#[tokio::test]
async fn a_visit_is_in_the_database_before_the_page_is_answered() {
    let database = Database::create().await;
    let function = Function::start("home", &database, &[]).await;
    for visits in 1..=3 {
        assert_eq!(function.request(&Method::GET, "/", None, b"").await.status, 200);
        // Lambda may freeze the process from now on.
        assert_eq!(database.number("SELECT total_visits FROM heartbeat.stats").await, visits);
    }
}

#[tokio::test]
async fn without_a_secret_key_the_functions_of_the_owner_answer_404() {
    let database = Database::create().await;
    for (name, path) in [
        ("owner", "/api/devices"),
        ("owner", "/api/devices/0/editor-key"),
        ("owner", "/api/devices/0/pairing"),
        ("owner", "/api/devices/0/token/generate"),
        ("owner", "/api/channels"),
        ("owner", "/api/alerts"),
        ("pair", "/api/pair"),
    ] {
        let function = Function::start(name, &database, &[("HEARTBEAT_SECRET_KEY", "")]).await;
        let response = function.request(&Method::POST, path, Some("x"), b"{}").await;
        assert_eq!((response.status, response.header("content-type")), (404, "application/problem+json"));
    }
}

#[tokio::test]
async fn the_migrator_sets_a_database_up_and_says_what_it_did() {
    let database = Database::create().await;
    let migrator = Function::start("migrator", &database, &[]).await;
    assert_eq!(migrator.invoke(json!({})).await, Ok(json!({ "migrations_applied": migrations() })));
    assert_eq!(migrator.invoke(json!({})).await, Ok(json!({ "migrations_applied": 0 })));
    // Failures are reported to the deployment.
    database.execute("DELETE FROM heartbeat.migrations").await;
    let error = migrator.invoke(json!({})).await.expect_err("an error");
    assert!(error.contains("tables that no Heartbeat made"), "{error}");
}

#[tokio::test]
async fn the_page_about_privacy_needs_no_database() {
    let function = Function::start("privacy", &Database::reserve(), &[("HEARTBEAT_DATABASE_DSN", "")]).await;
    let response = function.request(&Method::GET, "/privacy", None, b"").await;
    assert_eq!(response.status, 200, "{response}");
    assert!(!function.log().contains("ERROR"), "{}", function.log());
}

#[test]
fn every_route_has_its_program() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions/src");
    let programs: BTreeSet<String> = fs::read_dir(source.join("bin"))
        .expect("the programs")
        .map(|entry| {
            entry.expect("an entry").path().file_stem().expect("a name").to_string_lossy().into_owned()
        })
        .collect();
    let routes = ROUTES.iter().map(Route::function);
    let functions: BTreeSet<String> = routes.chain(EVENT_FUNCTIONS).map(str::to_owned).collect();
    assert_eq!(functions, programs);
}
