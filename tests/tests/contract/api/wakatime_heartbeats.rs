//! `POST /api/v1/users/current/heartbeats.bulk` and `POST /api/v1/users/current/heartbeats`

use base64::{Engine, prelude::BASE64_STANDARD};
use heartbeat_tests::{Database, Server, ServerBuilder};
use insta::assert_snapshot;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const BULK: &str = "/api/v1/users/current/heartbeats.bulk";
const SINGLE: &str = "/api/v1/users/current/heartbeats";

/// Maximum size of a body.
const MAX_BYTES: usize = 6 * 1024 * 1024;

/// Unix time of `age` ago.
#[expect(clippy::disallowed_methods, reason = "stands for the clock of an editor")]
fn ago(age: Duration) -> f64 {
    (OffsetDateTime::now_utc() - age - OffsetDateTime::UNIX_EPOCH).as_seconds_f64()
}

fn item(age: Duration) -> Value {
    json!({ "entity": "/home/ada/plan.py", "type": "file", "time": ago(age) })
}

/// Body with items of these ages.
fn batch(ages: &[Duration]) -> String {
    json!(ages.iter().map(|age| item(*age)).collect::<Vec<_>>()).to_string()
}

async fn beats(database: &Database) -> i64 {
    database.number("SELECT count(*) FROM heartbeat.beats").await
}

#[tokio::test]
async fn a_batch_with_an_item_of_this_moment_is_one_beat() {
    let (server, database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    let editor = server.stranger().editor(&server.owner().editor_key(0).await);
    let ages = [Duration::HOUR, Duration::ZERO, Duration::SECOND, Duration::MINUTE];
    assert_snapshot!(editor.post(BULK, batch(&ages)).await, @r#"
    201
    content-type: application/json

    {"responses":[[{"data":{}},201],[{"data":{}},201],[{"data":{}},201],[{"data":{}},201]]}
    "#);
    assert_eq!(beats(&database).await, 1);
    assert_eq!(server.stranger().stats().await["devices"][0]["num_beats"], 1);
}

#[tokio::test]
async fn one_item_of_this_moment_is_a_beat_and_one_that_is_too_old_is_not() {
    let (server, database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    let editor = server.stranger().editor(&server.owner().editor_key(0).await);
    assert_snapshot!(editor.post(SINGLE, item(Duration::ZERO).to_string()).await, @r#"
    201
    content-type: application/json

    {"data":{}}
    "#);
    assert_eq!(beats(&database).await, 1);
    assert_eq!(editor.post(SINGLE, item(Duration::HOUR).to_string()).await.body, "{\"data\":{}}\n");
    assert_eq!(beats(&database).await, 1);
}

#[tokio::test]
async fn a_batch_whose_items_are_all_too_old_is_taken_and_records_nothing() {
    let (server, database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    let editor = server.stranger().editor(&server.owner().editor_key(0).await);
    // The last is that of a clock that is ahead.
    let ages = [Duration::DAY, Duration::seconds(125), Duration::seconds(-300)];
    assert_snapshot!(editor.post(BULK, batch(&ages)).await, @r#"
    201
    content-type: application/json

    {"responses":[[{"data":{}},201],[{"data":{}},201],[{"data":{}},201]]}
    "#);
    // As are items whose time is unusable, and a batch of none.
    let response = editor.post(BULK, r#"[{}, {"time": null}, {"time": "soon"}, {"time": [1]}]"#).await;
    assert_eq!((response.status, response.json()["responses"].as_array().map(Vec::len)), (201, Some(4)));
    assert_eq!(editor.post(BULK, "[]").await.body, "{\"responses\":[]}\n");
    assert_eq!(beats(&database).await, 0);
    assert_eq!(server.stranger().stats().await["last_seen"], Value::Null);
}

#[tokio::test]
async fn key_and_token_are_taken_in_each_of_the_ways_in_which_clients_send_them() {
    let (server, database) = Server::fresh().await;
    let (_, token) = server.owner().register("Laptop").await;
    let key = server.owner().editor_key(0).await;
    let basic = |text: String| format!("Basic {}", BASE64_STANDARD.encode(text));
    let ways = [
        basic(key.clone()),
        basic(format!("waka_{key}")),
        basic(format!("{key}:")),
        basic(key.to_uppercase()),
        basic(token.clone()),
        format!("Bearer {key}"),
        format!("bearer waka_{key}"),
        format!("Bearer {token}"),
        token.clone(),
    ];
    for (number, authorization) in (1..).zip(&ways) {
        let response = server.stranger().authorized(authorization).post(BULK, batch(&[Duration::ZERO])).await;
        assert_eq!(response.status, 201, "{authorization}");
        assert_eq!(beats(&database).await, number, "{authorization}");
    }
}

#[tokio::test]
async fn without_a_valid_credential_nothing_is_recorded() {
    let (server, database) = Server::fresh().await;
    let (_, token) = server.owner().register("Laptop").await;
    let key = server.owner().editor_key(0).await;
    for path in [BULK, SINGLE] {
        assert_eq!(server.stranger().post(path, batch(&[Duration::ZERO])).await.status, 401);
    }
    assert_snapshot!(server.stranger().editor(&key[1..]).post(BULK, batch(&[Duration::ZERO])).await, @r#"
    401
    content-type: application/problem+json
    www-authenticate: Bearer

    {"type":"about:blank","title":"Unauthorized","status":401,"detail":"The Authorization header is missing, or what it holds is not valid here."}
    "#);
    let basic = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
    for wrong in [
        String::new(),
        "Basic".to_owned(),
        format!("Basic {key}"),
        basic(""),
        basic(":"),
        basic(&format!("user:{key}")),
        basic(&token.to_uppercase()),
        "the owner's key".to_owned(),
        "Bearer 00000000-0000-4000-8000-000000000000".to_owned(),
    ] {
        let response = server.stranger().authorized(&wrong).post(BULK, batch(&[Duration::ZERO])).await;
        assert_eq!(response.status, 401, "{wrong}");
    }
    assert_eq!(beats(&database).await, 0);
}

#[tokio::test]
async fn the_credential_is_checked_before_the_body_is_read() {
    let (server, _database) = Server::fresh().await;
    // A body that never comes.
    let head = format!(
        "POST {BULK} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer made-up\r\ncontent-length: {MAX_BYTES}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).await.expect("a connection");
    stream.write_all(head.as_bytes()).await.expect("a request");
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.expect("a response");
    assert_eq!(String::from_utf8_lossy(&status), "HTTP/1.1 401");
    // Nor is it judged.
    for body in ["", "{", "null"] {
        assert_eq!(server.stranger().editor("made-up").post(BULK, body).await.status, 401);
    }
}

#[tokio::test]
async fn a_body_of_another_kind_is_refused() {
    let (server, database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    let editor = server.stranger().editor(&server.owner().editor_key(0).await);
    assert_snapshot!(editor.post(BULK, "{").await, @r#"
    400
    content-type: application/problem+json

    {"type":"about:blank","title":"Bad Request","status":400,"detail":"The body is not a JSON list of objects."}
    "#);
    assert_snapshot!(editor.post(SINGLE, "[]").await, @r#"
    400
    content-type: application/problem+json

    {"type":"about:blank","title":"Bad Request","status":400,"detail":"The body is not a JSON object."}
    "#);
    let one = item(Duration::ZERO).to_string();
    for body in ["", "null", "7", &one, "[7]", "[null]", "[[]]", &format!("[{one}"), &format!("[{one}] x")] {
        assert_eq!(editor.post(BULK, body).await.status, 400, "{body}");
    }
    assert_eq!(beats(&database).await, 0);
}

#[tokio::test]
async fn the_largest_batch_of_wakatimes_client_is_taken_and_a_larger_one_is_not() {
    let (server, database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    let editor = server.stranger().editor(&server.owner().editor_key(0).await);
    // As many items as it sends, each with as many and as long dependencies as it allows.
    let dependencies = vec!["d".repeat(200); 1_000];
    let large =
        json!({ "time": ago(Duration::ZERO), "entity": "e".repeat(4_096), "dependencies": dependencies });
    let largest = json!(vec![large; 25]).to_string();
    assert!(largest.len() > 5_000_000 && largest.len() < MAX_BYTES, "{}", largest.len());
    let response = editor.post(BULK, largest).await;
    assert_eq!((response.status, response.json()["responses"].as_array().map(Vec::len)), (201, Some(25)));
    assert_eq!(beats(&database).await, 1);

    let many = format!("[{}{{}}]", "{},".repeat(1_000));
    assert_snapshot!(editor.post(BULK, many).await, @r#"
    413
    content-type: application/problem+json

    {"type":"about:blank","title":"Payload Too Large","status":413,"detail":"The body is larger than 6 MiB, or has more than 1,000 items."}
    "#);
    for path in [BULK, SINGLE] {
        assert_eq!(editor.post(path, vec![b' '; MAX_BYTES + 1]).await.status, 413);
    }
    assert_eq!(beats(&database).await, 1);
}

#[tokio::test]
async fn while_the_database_is_away_clients_keep_what_they_have() {
    let nowhere = Database::reserve();
    let server = ServerBuilder::on(&nowhere).start_listening().await;
    let response = server.stranger().editor("any").post(BULK, batch(&[Duration::ZERO])).await;
    assert_eq!((response.status, response.header("retry-after")), (503, "5"));
}
