//! `GET /api/devices`, and `GET`, `PATCH` and `DELETE /api/devices/{id}`

use heartbeat_tests::{Client, Response, Server};
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

async fn change(client: &Client, id: i64, change: &Value) -> Response {
    client.send(Method::PATCH, &format!("/api/devices/{id}"), change.to_string().into()).await
}

async fn erase(client: &Client, id: i64) -> Response {
    client.send(Method::DELETE, &format!("/api/devices/{id}"), Vec::new()).await
}

/// Returns a member of each device in the owner's list.
async fn listed(server: &Server, member: &str) -> Vec<Value> {
    let response = server.owner().get("/api/devices").await;
    assert_eq!(response.status, 200, "{response}");
    let devices = response.json()["devices"].as_array().expect("a list").clone();
    devices.iter().map(|device| device[member].clone()).collect()
}

#[tokio::test]
async fn the_owner_sees_all_that_there_is_to_a_device() {
    let (server, database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    database
        .execute("UPDATE heartbeat.devices SET created_at = '2026-11-24 08:12:09.5+01', last_beat = '2026-11-24 07:13Z', num_beats = 7")
        .await;
    assert_snapshot!(server.owner().get("/api/devices/0").await, @r#"
    200
    content-type: application/json
    cache-control: no-store

    {"id":0,"name":"Laptop","visibility":"public","sign_of_life":true,"archived":false,"created_at":"2026-11-24T07:12:09.5Z","last_beat":"2026-11-24T07:13:00Z","num_beats":7}
    "#);
    assert_snapshot!(server.owner().get("/api/devices").await, @r#"
    200
    content-type: application/json
    cache-control: no-store

    {"devices":[{"id":0,"name":"Laptop","visibility":"public","sign_of_life":true,"archived":false,"created_at":"2026-11-24T07:12:09.5Z","last_beat":"2026-11-24T07:13:00Z","num_beats":7}]}
    "#);
    laptop.beat().await;
    assert_eq!(server.owner().get("/api/devices/0").await.json()["num_beats"], 8);
}

#[tokio::test]
async fn what_is_not_known_is_null_and_no_time_lies_in_the_future() {
    let (server, database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    database
        .execute(
            "UPDATE heartbeat.devices SET name = NULL, created_at = 'infinity', last_beat = now() + interval '1 day',
             archived_at = '-infinity', num_beats = -3",
        )
        .await;
    let device = server.owner().get("/api/devices/0").await.json();
    assert_eq!(
        device,
        json!({
            "id": 0, "name": null, "visibility": "public", "sign_of_life": true, "archived": true,
            "created_at": null, "last_beat": null, "num_beats": 0
        })
    );
}

#[tokio::test]
async fn archived_devices_come_last() {
    let (server, _database) = Server::fresh().await;
    for name in ["Laptop", "Phone", "Tablet"] {
        server.owner().register(name).await;
    }
    assert_eq!(change(&server.owner(), 0, &json!({ "archived": true })).await.status, 200);
    assert_eq!(listed(&server, "name").await, ["Phone", "Tablet", "Laptop"]);
}

#[tokio::test]
async fn every_member_can_be_changed_alone_and_all_of_them_together() {
    let (server, _database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    let mut expected = server.owner().get("/api/devices/0").await.json();
    let changes = [
        json!({ "name": " Work laptop " }),
        json!({ "visibility": "hidden" }),
        json!({ "sign_of_life": false }),
        json!({ "archived": true }),
        json!({ "name": "Laptop", "visibility": "public", "sign_of_life": true, "archived": false }),
    ];
    for sent in changes {
        for (member, value) in sent.as_object().expect("an object") {
            expected[member] = value.as_str().map_or_else(|| value.clone(), |text| text.trim().into());
        }
        let response = change(&server.owner(), 0, &sent).await;
        assert_eq!((response.status, response.json()), (200, expected.clone()), "{sent}");
        assert_eq!(response.header("cache-control"), "no-store");
        assert_eq!(server.owner().get("/api/devices/0").await.json(), expected, "{sent}");
    }
}

#[tokio::test]
async fn a_new_name_is_in_the_stats_at_once() {
    let (server, _database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    server.stranger().stats().await;
    change(&server.owner(), 0, &json!({ "name": "Old laptop" })).await;
    assert_eq!(server.stranger().stats().await["devices"][0]["name"], "Old laptop");
}

#[tokio::test]
async fn changes_that_make_no_sense_are_refused_and_change_nothing() {
    let (server, _database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    let before = server.owner().get("/api/devices/0").await.json();
    let bodies: [&[u8]; 18] = [
        b"",
        b"{",
        b"{}",
        b"[]",
        b"null",
        b"\"name\"",
        br#"{"name": null}"#,
        br#"{"name": ""}"#,
        br#"{"name": 1}"#,
        br#"{"name": "a\u0000"}"#,
        b"{\"name\": \"\xff\"}",
        br#"{"visibility": "secret"}"#,
        br#"{"visibility": null}"#,
        br#"{"sign_of_life": "true"}"#,
        br#"{"archived": 1}"#,
        br#"{"archived_at": null}"#,
        br#"{"name": "Phone", "id": 1}"#,
        br#"{"name": "Phone", "visibility": "Hidden"}"#,
    ];
    for body in bodies {
        let response = server.owner().send(Method::PATCH, "/api/devices/0", body.into()).await;
        assert_eq!(
            (response.status, response.header("content-type")),
            (400, "application/problem+json"),
            "{}",
            String::from_utf8_lossy(body)
        );
    }
    let large = server.owner().send(Method::PATCH, "/api/devices/0", vec![b' '; 16 * 1024 + 1]).await;
    assert_eq!(large.status, 413);
    assert_eq!(server.owner().get("/api/devices/0").await.json(), before);
    assert_snapshot!(change(&server.owner(), 0, &json!({})).await, @r#"
    400
    content-type: application/problem+json
    cache-control: no-store

    {"type":"about:blank","title":"Bad Request","status":400,"detail":"The body has none of \"name\", \"visibility\", \"sign_of_life\", \"archived\"."}
    "#);
    assert_snapshot!(change(&server.owner(), 0, &json!({ "colour": "red" })).await, @r#"
    400
    content-type: application/problem+json
    cache-control: no-store

    {"type":"about:blank","title":"Bad Request","status":400,"detail":"The body has a member other than \"name\", \"visibility\", \"sign_of_life\", \"archived\"."}
    "#);
    assert_snapshot!(change(&server.owner(), 0, &json!({ "visibility": "secret" })).await, @r#"
    400
    content-type: application/problem+json
    cache-control: no-store

    {"type":"about:blank","title":"Bad Request","status":400,"detail":"The member \"visibility\" is not \"public\" or \"hidden\"."}
    "#);
}

#[tokio::test]
async fn only_the_owner_may() {
    let (server, _database) = Server::fresh().await;
    let device = server.device("Laptop").await;
    for path in ["/api/devices/0", "/api/devices/7", "/api/devices/x"] {
        for method in [Method::GET, Method::PATCH, Method::DELETE] {
            for client in [&device, &server.stranger(), &server.stranger().authorized("wrong")] {
                let response = client.send(method.clone(), path, Vec::new()).await;
                assert_eq!((response.status, response.header("www-authenticate")), (401, "Bearer"), "{path}");
            }
        }
        let response = server.owner().send(Method::PUT, path, Vec::new()).await;
        assert_eq!((response.status, response.header("allow")), (405, "GET,HEAD,PATCH,DELETE"));
    }
    assert_eq!(server.stranger().get("/api/devices").await.status, 401);
    let response = server.owner().send(Method::PUT, "/api/devices", Vec::new()).await;
    assert_eq!((response.status, response.header("allow")), (405, "GET,HEAD,POST"));
    device.beat().await;
}

#[tokio::test]
async fn ids_of_no_device_are_not_found() {
    let (server, _database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    for id in ["1", "-1", "00", "one", "%ff", "9223372036854775807", "99999999999999999999"] {
        let path = format!("/api/devices/{id}");
        for (method, body) in
            [(Method::GET, ""), (Method::PATCH, r#"{"name": "Phone"}"#), (Method::DELETE, "")]
        {
            assert_eq!(server.owner().send(method, &path, body.into()).await.status, 404, "{id}");
        }
    }
    assert_eq!(listed(&server, "name").await, ["Laptop"]);
}

#[tokio::test]
async fn a_former_id_names_the_device() {
    let (server, database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    let former = 912_840_992_904_712_192;
    database.execute(&format!("INSERT INTO heartbeat.former_ids VALUES ({former}, 0)")).await;
    assert_eq!(server.owner().get(&format!("/api/devices/{former}")).await.json()["id"], 0);
    let changed = change(&server.owner(), former, &json!({ "name": "Old laptop" })).await;
    assert_eq!((&changed.json()["id"], &changed.json()["name"]), (&json!(0), &json!("Old laptop")));
    assert_eq!(erase(&server.owner(), former).await.status, 204);
    for id in [0, former] {
        assert_eq!(server.owner().get(&format!("/api/devices/{id}")).await.status, 404);
    }
}

#[tokio::test]
async fn an_archived_device_has_no_credentials_and_its_beats_count() {
    let (server, database) = Server::fresh().await;
    let (id, token) = server.owner().register("Laptop").await;
    let (laptop, key) = (server.stranger().authorized(&token), server.owner().editor_key(id).await);
    laptop.beat().await;
    database
        .execute(
            "INSERT INTO heartbeat.pairings VALUES (0, sha256('code'), now() + interval '1 minute');
             INSERT INTO heartbeat.offered_tokens VALUES (sha256('offered'), 0)",
        )
        .await;

    assert_eq!(change(&server.owner(), id, &json!({ "archived": true })).await.json()["archived"], true);
    let editors = "/api/v1/users/current/heartbeats";
    let dead = [laptop.post("/api/beat", "").await, server.stranger().editor(&key).post(editors, "{}").await];
    assert_eq!(dead.map(|response| response.status), [401, 401]);
    let left =
        "SELECT (SELECT count(*) FROM heartbeat.pairings) + (SELECT count(*) FROM heartbeat.offered_tokens)
                + (SELECT count(*) FROM heartbeat.editor_keys)";
    assert_eq!(database.number(left).await, 0);
    assert_eq!(server.stranger().stats().await["total_beats"], 1);
    for path in ["/api/devices/0/token/generate", "/api/devices/0/editor-key"] {
        let response = server.owner().post(path, "").await;
        assert_eq!(response.status, 400, "{path}");
        assert!(response.body.contains("archived"), "{response}");
    }

    // It comes back as it was, but for what it needs to beat.
    let back = change(&server.owner(), id, &json!({ "archived": false })).await.json();
    assert_eq!((&back["visibility"], &back["archived"]), (&json!("public"), &json!(false)));
    assert_eq!(laptop.post("/api/beat", "").await.status, 401);
    let new = server.owner().post("/api/devices/0/token/generate", "").await.json();
    server.stranger().authorized(new["token"].as_str().expect("a token")).beat().await;
    assert_eq!(server.stranger().stats().await["total_beats"], 2);
}

#[tokio::test]
async fn a_new_token_voids_the_pairing_code_and_what_it_offered() {
    let (server, database) = Server::fresh().await;
    server.owner().register("Laptop").await;
    database
        .execute(
            "INSERT INTO heartbeat.pairings VALUES (0, sha256('code'), now() + interval '1 minute');
             INSERT INTO heartbeat.offered_tokens VALUES (sha256('offered'), 0)",
        )
        .await;
    assert_eq!(server.owner().post("/api/devices/0/token/generate", "").await.status, 200);
    let left =
        "SELECT (SELECT count(*) FROM heartbeat.pairings) + (SELECT count(*) FROM heartbeat.offered_tokens)";
    assert_eq!(database.number(left).await, 0);
}

#[tokio::test]
async fn an_erased_device_is_nowhere_and_its_id_is_never_given_again() {
    let (server, _database) = Server::fresh().await;
    let (laptop, phone) = (server.device("Laptop").await, server.device("Phone").await);
    laptop.beat().await;
    phone.beat().await;
    let response = erase(&server.owner(), 1).await;
    assert_eq!((response.status, response.header("cache-control"), &*response.body), (204, "no-store", ""));
    assert_eq!(phone.post("/api/beat", "").await.status, 401);
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(server.owner().send(method, "/api/devices/1", Vec::new()).await.status, 404);
    }
    let stats = server.stranger().stats().await;
    assert_eq!((&stats["total_beats"], stats["devices"].as_array().map(Vec::len)), (&json!(1), Some(1)));
    assert_eq!(server.owner().register("Phone").await.0, 2);
    assert_eq!(listed(&server, "id").await, [0, 2]);
}
