//! Clients of WakaTime: a real one, and requests of `wakatime-cli` as it sends them.

use base64::{Engine, prelude::BASE64_STANDARD};
use heartbeat_tests::{Client, Database, Response, Server, ServerBuilder, WakaTime, client::http};
use reqwest::header::{HeaderMap, HeaderName};
use serde_json::Value;
use time::OffsetDateTime;

const BULK: &str = "/api/v1/users/current/heartbeats.bulk";

/// Words in what the clients send that say what their user works on, and where.
const SECRETS: [&str; 4] = ["confidential", "Confidential", "HIDDEN", "Swift"];

const ONE: &str = include_str!("../../../events/wakatime_cli/one.http");
const BULK_OF_FOUR: &str = include_str!("../../../events/wakatime_cli/bulk.http");

/// A time at which everything is too old.
const LONG_AGO: &str = "1585598059.5";

#[expect(clippy::disallowed_methods, reason = "stands for the clock of an editor")]
fn now() -> String {
    format!("{:.6}", (OffsetDateTime::now_utc() - OffsetDateTime::UNIX_EPOCH).as_seconds_f64())
}

/// Sends a request of `wakatime-cli` with `key`, its latest item of `time`.
async fn send(server: &Server, request: &str, key: &str, time: &str) -> Response {
    let (head, body) = request.split_once("\n\n").expect("a head and a body");
    let head = head.replace("{key}", &BASE64_STANDARD.encode(key));
    let headers = head.lines().map(|line| {
        let (name, value) = line.split_once(": ").expect("a header");
        (HeaderName::try_from(name).expect("a name"), value.parse().expect("a value"))
    });
    let base = format!("http://127.0.0.1:{}", server.port());
    let client = Client::with(&base, http().default_headers(headers.collect::<HeaderMap>()));
    client.post(BULK, body.replace("{now}", time)).await
}

/// Whether `wakatime-cli` keeps none of its `items` to send them again: it goes by the status and by that of each item.
fn all_taken(response: &Response, items: usize) -> bool {
    let answer = response.json();
    let statuses: Vec<u64> = answer["responses"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|item| item[0]["data"].is_object())
        .filter_map(|item| item[1].as_u64())
        .collect();
    matches!(response.status, 201 | 202) && statuses == vec![201; items]
}

#[tokio::test]
async fn requests_of_wakatime_cli_are_a_beat_each() {
    let (server, database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    let key = server.owner().editor_key(0).await;
    for (number, (request, items)) in (1..).zip([(ONE, 1), (BULK_OF_FOUR, 4)]) {
        let response = send(&server, request, &key, &now()).await;
        assert!(all_taken(&response, items), "{response}");
        assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, number);
    }
    let response = send(&server, BULK_OF_FOUR, &format!("waka_{key}"), LONG_AGO).await;
    assert!(all_taken(&response, 4), "{response}");
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, 2);
}

#[tokio::test]
async fn a_real_client_is_one_beat_each_time_it_runs() {
    let (server, database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    let url = format!("http://127.0.0.1:{}{BULK}", server.port());
    let Some(client) = WakaTime::installed(&url, &server.owner().editor_key(0).await) else { return };
    for number in 1..=2 {
        let output = client.write_file(&[]).await;
        assert!(output.status.success(), "{output:?}");
        assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, number);
        assert_eq!(client.queued().await, 0);
    }
    assert_eq!(server.stranger().stats().await["devices"][0]["num_beats"], 2);
}

#[tokio::test]
async fn what_a_real_client_could_not_send_leaves_its_queue_and_rewrites_no_history() {
    let database = Database::create().await;
    let (builder, port) = ServerBuilder::on(&database).fixed_port();
    let mut server = builder.start().await;
    server.owner().register("Laptop").await;
    let key = server.owner().editor_key(0).await;
    let Some(client) = WakaTime::installed(&format!("http://127.0.0.1:{port}{BULK}"), &key) else { return };
    assert!(server.stop().await.success());
    for time in [LONG_AGO, "1585598060"] {
        let output = client.write_file(&["--time", time]).await;
        assert_eq!(output.status.code(), Some(102), "the client's code for an error of the API: {output:?}");
    }
    assert_eq!(client.queued().await, 2);

    let server = builder.start().await;
    let output = client.write_file(&[]).await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(client.queued().await, 0);
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, 1);
    assert_eq!(server.stranger().stats().await["total_beats"], 1);
}

#[tokio::test]
async fn a_real_client_whose_key_was_replaced_says_so() {
    let (server, database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    let url = format!("http://127.0.0.1:{}{BULK}", server.port());
    let Some(client) = WakaTime::installed(&url, &server.owner().editor_key(0).await) else { return };
    server.owner().editor_key(0).await;
    let output = client.write_file(&[]).await;
    assert_eq!(output.status.code(), Some(104), "the client's code for an invalid key: {output:?}");
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, 0);
}

#[tokio::test]
async fn what_an_editor_says_about_its_user_is_in_no_log_and_in_no_table() {
    let database = Database::create().await;
    let mut server = ServerBuilder::on(&database)
        .environment("RUST_LOG", "trace,hyper::proto=trace,sqlx::query=trace")
        .start()
        .await;
    server.owner().register("Laptop").await;
    let key = server.owner().editor_key(0).await;
    for (request, key) in
        [(ONE, key.as_str()), (BULK_OF_FOUR, &key), (ONE, "confidential_key"), (BULK_OF_FOUR, "x")]
    {
        send(&server, request, key, &now()).await;
    }
    let editor = server.stranger().editor(&key);
    assert_eq!(editor.post(BULK, r#"[{"entity": "/confidential", "time": }]"#).await.status, 400);
    assert!(server.stop().await.success());

    let log = server.log();
    assert!(log.contains(&format!("route=\"{BULK}\" status=201")), "{log}");
    let tables = everything(&database).await;
    assert!(tables.contains("Laptop"), "{tables}");
    for secret in SECRETS.into_iter().chain([key.as_str()]) {
        assert!(!log.contains(secret), "{secret} is in\n{log}");
        assert!(!tables.contains(secret), "{secret} is in\n{tables}");
    }
}

/// Every row of every table, as text.
async fn everything(database: &Database) -> String {
    let tables = database
        .text(
            "SELECT string_agg(format('SELECT %L || t::text AS row FROM heartbeat.%I AS t', tablename || ': ', tablename),
                ' UNION ALL ')
             FROM pg_tables WHERE schemaname = 'heartbeat'",
        )
        .await;
    database.text(&format!("SELECT string_agg(row, E'\\n') FROM ({tables}) AS rows")).await
}

#[test]
fn the_requests_of_wakatime_cli_hold_what_must_not_be_kept() {
    for request in [ONE, BULK_OF_FOUR] {
        let (_, body) = request.split_once("\n\n").expect("a head and a body");
        let items: Value = serde_json::from_str(&body.replace("{now}", "0")).expect("JSON");
        assert!(items.as_array().is_some_and(|items| !items.is_empty()));
        assert!(SECRETS.iter().any(|secret| body.contains(secret)), "{body}");
    }
}
