//! `POST` and `DELETE /api/devices/{id}/editor-key`

use heartbeat_tests::{Database, Response, Server, ServerBuilder};
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::json;

async fn delete(server: &Server, id: &str) -> Response {
    server.owner().send(Method::DELETE, &format!("/api/devices/{id}/editor-key"), Vec::new()).await
}

/// Sends an empty batch; returns the status, which says whether the key is valid.
async fn status_with(server: &Server, key: &str) -> u16 {
    server.stranger().editor(key).post("/api/v1/users/current/heartbeats.bulk", "[]").await.status
}

#[tokio::test]
async fn a_key_is_answered_once_and_is_a_uuid_as_wakatimes_oldest_clients_demand() {
    let (server, _database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    let response = server.owner().post("/api/devices/0/editor-key", "").await;
    let device = response.json();
    let key = device["key"].as_str().expect("a key");
    assert_snapshot!(response.to_string().replace(key, "…"), @r#"
    201
    content-type: application/json
    cache-control: no-store

    {"id":0,"name":"Laptop","key":"…"}
    "#);
    let parts: Vec<&str> = key.split('-').collect();
    assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{key}");
    assert!(key.bytes().all(|byte| byte == b'-' || (byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase())));
    assert!(parts[2].starts_with('4') && parts[3].starts_with(['8', '9', 'a', 'b']), "{key}");
}

#[tokio::test]
async fn a_new_key_works_and_the_old_one_is_dead_at_once_in_every_process() {
    let (server, database) = Server::fresh().await;
    let other = ServerBuilder::on(&database).start().await;
    server.owner().register("Laptop").await;
    let old = server.owner().editor_key(0).await;
    assert_eq!((status_with(&server, &old).await, status_with(&other, &old).await), (201, 201));
    let new = server.owner().editor_key(0).await;
    assert_eq!((status_with(&server, &old).await, status_with(&other, &old).await), (401, 401));
    assert_eq!((status_with(&server, &new).await, status_with(&other, &new).await), (201, 201));
}

#[tokio::test]
async fn a_removed_key_is_dead_at_once_and_removing_it_again_changes_nothing() {
    let (server, _database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    let key = server.owner().editor_key(0).await;
    assert_eq!(status_with(&server, &key).await, 201);
    assert_snapshot!(delete(&server, "0").await, @"
    204
    cache-control: no-store
    ");
    assert_eq!(status_with(&server, &key).await, 401);
    assert_eq!(delete(&server, "0").await.status, 204);
    laptop.beat().await;
}

#[tokio::test]
async fn token_and_key_of_a_device_are_replaced_each_without_the_other() {
    let (server, _database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    let key = server.owner().editor_key(0).await;
    laptop.beat().await;
    let replaced = server.owner().post("/api/devices/0/token/generate", "").await.json();
    assert_eq!(status_with(&server, &key).await, 201);
    assert_eq!(laptop.post("/api/beat", "").await.status, 401);
    let new_key = server.owner().editor_key(0).await;
    assert_eq!((status_with(&server, &key).await, status_with(&server, &new_key).await), (401, 201));
    server.stranger().authorized(replaced["token"].as_str().expect("a token")).beat().await;
}

#[tokio::test]
async fn the_key_is_good_for_nothing_but_what_editors_send() {
    let (server, _database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    let key = server.owner().editor_key(0).await;
    for authorization in [key.clone(), format!("Bearer {key}")] {
        let editor = server.stranger().authorized(&authorization);
        assert_eq!(editor.post("/api/beat", "").await.status, 401);
        assert_eq!(editor.post("/api/devices", r#"{"name": "Mine"}"#).await.status, 401);
        assert_eq!(editor.post("/api/devices/0/editor-key", "").await.status, 401);
    }
}

#[tokio::test]
async fn the_database_keeps_a_hash_of_the_key_and_nothing_else_of_it() {
    let (server, database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    let key = server.owner().editor_key(0).await;
    let known = format!("SELECT count(*) FROM heartbeat.editor_keys WHERE key_hash = sha256('{key}')");
    assert_eq!(database.number(&known).await, 1);
    let in_clear = format!("SELECT count(*) FROM heartbeat.editor_keys AS it WHERE it::text LIKE '%{key}%'");
    assert_eq!(database.number(&in_clear).await, 0);
}

#[tokio::test]
async fn only_the_owner_makes_keys_and_only_the_owner_learns_which_ids_exist() {
    let (server, database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    for id in ["0", "7", "x"] {
        let path = format!("/api/devices/{id}/editor-key");
        for method in [Method::POST, Method::DELETE] {
            assert_eq!(server.stranger().send(method.clone(), &path, Vec::new()).await.status, 401);
            assert_eq!(laptop.send(method, &path, Vec::new()).await.status, 401);
        }
    }
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.editor_keys").await, 0);
}

#[tokio::test]
async fn ids_of_no_device_are_not_found() {
    let (server, _database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    for id in ["1", "-1", "00", "one", "%ff", "0%2f", "9223372036854775808"] {
        let path = format!("/api/devices/{id}/editor-key");
        assert_eq!(server.owner().post(&path, "").await.status, 404, "{id}");
        assert_eq!(delete(&server, id).await.status, 404, "{id}");
    }
    assert_snapshot!(delete(&server, "7").await, @r#"
    404
    content-type: application/problem+json
    cache-control: no-store

    {"type":"about:blank","title":"Not Found","status":404,"detail":"There is no device with this id."}
    "#);
}

#[tokio::test]
async fn other_methods_are_not_allowed() {
    let (server, _database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    for method in [Method::GET, Method::PUT, Method::PATCH] {
        let response = server.owner().send(method, "/api/devices/0/editor-key", Vec::new()).await;
        let mut allowed: Vec<&str> = response.header("allow").split(',').collect();
        allowed.sort_unstable();
        assert_eq!((response.status, allowed), (405, vec!["DELETE", "POST"]));
    }
}

#[tokio::test]
async fn without_a_secret_key_there_is_nothing_here_and_a_key_that_is_there_works_on() {
    let (server, database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    let key = server.owner().editor_key(0).await;
    let keyless = ServerBuilder::on(&database).environment("HEARTBEAT_SECRET_KEY", "").start().await;
    for method in [Method::POST, Method::DELETE, Method::GET] {
        let response = keyless.owner().send(method, "/api/devices/0/editor-key", Vec::new()).await;
        assert_eq!((response.status, response.header("content-type")), (404, "application/problem+json"));
    }
    assert_eq!(status_with(&keyless, &key).await, 201);
}

#[tokio::test]
async fn a_device_that_is_erased_takes_its_key_along() {
    let (server, database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    let key = server.owner().editor_key(0).await;
    database.execute("DELETE FROM heartbeat.devices WHERE id = 0").await;
    assert_eq!(status_with(&server, &key).await, 401);
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.editor_keys").await, 0);
}

#[tokio::test]
async fn a_device_without_a_name_and_with_a_former_id_gets_one() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).start().await;
    database
        .execute(
            "INSERT INTO heartbeat.devices (id, token_hash) VALUES (0, sha256('token'));
             INSERT INTO heartbeat.former_ids VALUES (912840992904712192, 0)",
        )
        .await;
    let response = server.owner().post("/api/devices/912840992904712192/editor-key", "").await;
    let device = response.json();
    assert_eq!(device, json!({ "id": 0, "name": null, "key": device["key"] }));
    assert_eq!(status_with(&server, device["key"].as_str().expect("a key")).await, 201);
    assert_eq!(delete(&server, "912840992904712192").await.status, 204);
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.editor_keys").await, 0);
}
