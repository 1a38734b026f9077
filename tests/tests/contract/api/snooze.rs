//! `GET`, `PUT` and `DELETE /api/snooze`

use heartbeat_tests::{Response, Server};
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::json;

async fn set(server: &Server, body: &str) -> Response {
    server.owner().send(Method::PUT, "/api/snooze", body.into()).await
}

#[tokio::test]
async fn a_snooze_lasts_until_it_ends_or_is_ended() {
    let (server, database) = Server::fresh().await;
    assert_snapshot!(server.owner().get("/api/snooze").await, @r#"
    200
    content-type: application/json
    cache-control: no-store

    {"until":null,"note":null}
    "#);
    assert_snapshot!(
        set(&server, r#"{"until": "2126-12-06T20:00:00+02:00", "note": " In the mountains "}"#).await,
        @r#"
    200
    content-type: application/json
    cache-control: no-store

    {"until":"2126-12-06T18:00:00Z","note":"In the mountains"}
    "#
    );
    let expected = json!({ "until": "2126-12-06T18:00:00Z", "note": "In the mountains" });
    assert_eq!(server.owner().get("/api/snooze").await.json(), expected);
    // Another takes its place, note and all.
    set(&server, r#"{"until": "9999-12-31T23:59:59Z"}"#).await;
    let expected = json!({ "until": "9999-12-31T23:59:59Z", "note": null });
    assert_eq!(server.owner().get("/api/snooze").await.json(), expected);
    let none = json!({ "until": null, "note": null });
    database.execute("UPDATE heartbeat.owner SET snoozed_until = now()").await;
    assert_eq!(server.owner().get("/api/snooze").await.json(), none);

    set(&server, r#"{"until": "2126-12-06T18:00:00Z", "note": null}"#).await;
    for _ in 0..2 {
        let ended = server.owner().send(Method::DELETE, "/api/snooze", Vec::new()).await;
        assert_eq!((ended.status, ended.header("cache-control")), (204, "no-store"));
        assert_eq!(server.owner().get("/api/snooze").await.json(), none);
    }
}

#[tokio::test]
async fn snoozes_that_make_no_sense_are_refused() {
    let (server, _database) = Server::fresh().await;
    let long = format!(r#"{{"until": "2126-12-06T18:00:00Z", "note": "{}"}}"#, "a".repeat(201));
    for body in [
        "",
        "[]",
        "{}",
        r#"{"note": "In the mountains"}"#,
        r#"{"until": null}"#,
        r#"{"until": 4952000000}"#,
        r#"{"until": "tomorrow"}"#,
        r#"{"until": "2126-12-06"}"#,
        r#"{"until": "2026-11-26T00:00:00Z"}"#,
        r#"{"until": "9999-12-31T23:59:59-12:00"}"#,
        r#"{"until": "2126-12-06T18:00:00Z", "note": 1}"#,
        r#"{"until": "2126-12-06T18:00:00Z", "note": "a\u0000"}"#,
        r#"{"until": "2126-12-06T18:00:00Z", "for": "1h"}"#,
        &long,
    ] {
        assert_eq!(set(&server, body).await.status, 400, "{body}");
    }
    assert_snapshot!(set(&server, r#"{"until": "tomorrow"}"#).await, @r#"
    400
    content-type: application/problem+json
    cache-control: no-store

    {"type":"about:blank","title":"Bad Request","status":400,"detail":"The member \"until\" is not a time in the future, such as \"2126-12-06T18:00:00Z\" (RFC 3339)."}
    "#);
    assert_eq!(server.owner().get("/api/snooze").await.json()["until"], json!(null));
}

#[tokio::test]
async fn only_the_owner_may() {
    let (server, _database) = Server::fresh().await;
    let device = server.device("Laptop").await;
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        for client in [&device, &server.stranger()] {
            assert_eq!(client.send(method.clone(), "/api/snooze", Vec::new()).await.status, 401);
        }
    }
    let response = server.owner().post("/api/snooze", "").await;
    assert_eq!((response.status, response.header("allow")), (405, "GET,HEAD,PUT,DELETE"));
}
