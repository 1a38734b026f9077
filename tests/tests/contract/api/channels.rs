//! `GET` and `POST /api/channels`, and below it one channel: `GET`, `PATCH`, `DELETE`, `POST …/test`, `POST …/resend`

use heartbeat_tests::{
    Database, Response, Server, ServerBuilder,
    fake_discord::{Behavior, FakeDiscord, SECRET},
};
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

async fn add(server: &Server, channel: &Value) -> Response {
    server.owner().post("/api/channels", channel.to_string()).await
}

async fn change(server: &Server, id: i64, change: &Value) -> Response {
    server.owner().send(Method::PATCH, &format!("/api/channels/{id}"), change.to_string().into()).await
}

async fn delete(server: &Server, id: i64) -> Response {
    server.owner().send(Method::DELETE, &format!("/api/channels/{id}"), Vec::new()).await
}

async fn shown(server: &Server, id: i64) -> Value {
    let response = server.owner().get(&format!("/api/channels/{id}")).await;
    assert_eq!(response.status, 200, "{response}");
    response.json()
}

fn discord() -> Value {
    json!({ "name": " Anna ", "kind": "discord", "settings": { "url": "https://example.org/hook" } })
}

fn webhook(name: &str) -> Value {
    json!({ "name": name, "kind": "webhook", "audience": "owner", "settings": { "url": "https://example.org/in" } })
}

#[tokio::test]
async fn a_channel_is_added_and_its_secrets_are_never_answered() {
    let (server, database) = Server::fresh().await;
    assert_snapshot!(server.owner().get("/api/channels").await, @r#"
    200
    content-type: application/json
    cache-control: no-store

    {"channels":[]}
    "#);
    // By default a friend's, who is asked: an attempt that goes on while this looks changes no answer.
    let hook = FakeDiscord::start(Behavior::Hangs).await;
    let mut anna = discord();
    anna["settings"]["url"] = hook.url.as_str().into();
    anna["events"] = json!(["absence.ended", "beat", "beat"]);
    assert_snapshot!(add(&server, &anna).await, @r#"
    201
    content-type: application/json
    cache-control: no-store

    {"id":1,"name":"Anna","kind":"discord","audience":"friend","settings":{},"secrets":["url"],"events":["absence.ended","beat"],"state":"unconfirmed","confirmed_at":null,"disabled":null,"failing":null,"delivered_at":null,"waiting":1,"dead":0,"start_code":null,"start_link":null}
    "#);
    let asked =
        "SELECT count(*) FROM heartbeat.outbox WHERE channel = 'channel:1' AND kind = 'channel.confirm'";
    assert_eq!(database.number(asked).await, 1);
    let listed = server.owner().get("/api/channels").await;
    assert!(!listed.body.contains(SECRET), "{listed}");
    assert_eq!(listed.json()["channels"][0], shown(&server, 1).await);
}

#[tokio::test]
async fn the_secret_of_a_webhook_is_generated_and_answered_once() {
    let (server, database) = Server::fresh().await;
    let added = add(&server, &webhook("Home Assistant")).await;
    assert_eq!(added.status, 201, "{added}");
    let secret = added.json()["secret"].as_str().expect("a secret").to_owned();
    assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
    let stored = database.text("SELECT settings ->> 'secret' FROM heartbeat.channels").await;
    assert_eq!(stored, secret);
    assert_eq!(shown(&server, 1).await["secret"], json!(null));
    // It is rotated by taking it away, and goes on to be accepted as the previous one if the owner says so.
    let changed =
        change(&server, 1, &json!({ "settings": { "secret": null, "secret_previous": secret } })).await;
    let rotated = changed.json()["secret"].as_str().expect("a secret").to_owned();
    assert_ne!(rotated, secret);
    let settings = database.text("SELECT settings::text FROM heartbeat.channels").await;
    let settings: Value = serde_json::from_str(&settings).expect("JSON");
    assert_eq!(
        settings,
        json!({ "url": "https://example.org/in", "secret": rotated, "secret_previous": secret })
    );
    // One that the owner brings along is not answered at all.
    let mut own = webhook("Own");
    own["settings"]["secret"] = secret.clone().into();
    let added = add(&server, &own).await;
    assert!(added.status == 201 && !added.body.contains("whsec_"), "{added}");
}

#[tokio::test]
async fn settings_are_merged_and_new_ones_enable_a_channel_again() {
    let (server, database) = Server::fresh().await;
    add(&server, &webhook("Home Assistant")).await;
    let disable = "INSERT INTO heartbeat.disabled_channels (channel, settings_hash, disabled_at, reason)
        VALUES ('channel:1', '', '2026-11-24 07:12Z', 'status 410')";
    database.execute(disable).await;
    let disabled = shown(&server, 1).await;
    assert_eq!(disabled["state"], "disabled");
    assert_eq!(disabled["disabled"], json!({ "at": "2026-11-24T07:12:00Z", "reason": "status 410" }));

    assert_eq!(change(&server, 1, &json!({ "name": " Hook ", "events": ["beat"] })).await.status, 200);
    assert_eq!(shown(&server, 1).await["state"], "disabled");
    let changed = change(&server, 1, &json!({ "state": "active" })).await;
    assert_eq!(changed.json()["state"], "active", "{changed}");
    assert_eq!(changed.json()["name"], "Hook");

    database.execute(disable).await;
    let changed = change(&server, 1, &json!({ "settings": { "url": "https://example.org/other" } })).await;
    assert_eq!(changed.json()["state"], "active", "{changed}");
    let kept = "SELECT count(*) FROM heartbeat.channels WHERE settings ->> 'secret' LIKE 'whsec_%'
        AND settings ->> 'url' = 'https://example.org/other'";
    assert_eq!(database.number(kept).await, 1);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_without_repeating_it() {
    let (server, database) = Server::fresh().await;
    let with = |member: &str, value: Value| {
        let mut channel = discord();
        channel[member] = value;
        channel.to_string()
    };
    for body in [
        String::new(),
        "[]".to_owned(),
        "{}".to_owned(),
        json!({ "name": "Anna", "kind": "discord" }).to_string(),
        json!({ "name": "Anna", "settings": {} }).to_string(),
        json!({ "kind": "discord", "settings": {} }).to_string(),
        with("name", json!("")),
        with("name", json!(7)),
        with("kind", json!("pigeon")),
        with("kind", json!(7)),
        with("audience", json!("everybody")),
        with("settings", json!([])),
        with("settings", json!({})),
        with("settings", json!({ "url": "ftp://hush" })),
        with("settings", json!({ "url": "https://example.org/hook", "hush": 1 })),
        with("events", json!("beat")),
        with("events", json!(["hush"])),
        with("events", json!(["test"])),
        with("state", json!("active")),
        with("hush", json!(1)),
    ] {
        let response = server.owner().post("/api/channels", body.clone()).await;
        assert_eq!(response.status, 400, "{body}: {response}");
        assert!(!response.body.contains("hush"), "{response}");
    }
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.channels").await, 0);

    add(&server, &discord()).await;
    for body in [
        json!({}),
        json!({ "state": "disabled" }),
        json!({ "kind": "webhook" }),
        json!({ "audience": "owner" }),
        json!({ "settings": { "url": null } }),
        json!({ "settings": { "url": 7 } }),
        json!({ "settings": null }),
        json!({ "name": null }),
    ] {
        assert_eq!(change(&server, 1, &body).await.status, 400, "{body}");
    }
    assert_eq!(shown(&server, 1).await["name"], "Anna");
}

#[tokio::test]
async fn a_deleted_channel_leaves_nothing_behind() {
    let (server, database) = Server::fresh().await;
    add(&server, &discord()).await;
    server.owner().post("/api/alerts", r#"{"after": "36h", "channels": [1]}"#).await;
    let deleted = delete(&server, 1).await;
    assert_eq!((deleted.status, deleted.header("cache-control")), (204, "no-store"));
    assert_eq!(delete(&server, 1).await.status, 404);
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.outbox").await, 0);
    assert_eq!(server.owner().get("/api/alerts/1").await.json()["channels"], json!([]));
    for id in ["1", "7", "-1", "one", "01", "99999999999999999999"] {
        for (method, path) in [
            (Method::GET, ""),
            (Method::PATCH, ""),
            (Method::DELETE, ""),
            (Method::POST, "/test"),
            (Method::POST, "/resend"),
        ] {
            let path = format!("/api/channels/{id}{path}");
            let response = server.owner().send(method.clone(), &path, br#"{"name": "Anna"}"#.to_vec()).await;
            assert_eq!(response.status, 404, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn there_are_fifty_channels_at_most() {
    let (server, database) = Server::fresh().await;
    database
        .execute(
            "INSERT INTO heartbeat.channels (name, kind, settings) SELECT 'n', 'discord', '{}' FROM generate_series(1, 50)",
        )
        .await;
    let refused = add(&server, &discord()).await;
    assert_eq!(refused.status, 400, "{refused}");
    assert!(refused.body.contains("50 channels"), "{refused}");
}

#[tokio::test]
async fn the_channel_of_the_configuration_is_shown_and_not_changed() {
    let database = Database::create().await;
    let mut discord = FakeDiscord::start(Behavior::Accepts).await;
    let server = ServerBuilder::on(&database)
        .environment("HEARTBEAT_WEBHOOK_URL", &discord.url)
        .environment("HEARTBEAT_WEBHOOK_LEVEL", "new_devices")
        .start()
        .await;
    assert_snapshot!(server.owner().get("/api/channels/0").await, @r#"
    200
    content-type: application/json
    cache-control: no-store

    {"id":0,"name":"Discord","kind":"discord","audience":"owner","settings":{},"secrets":[],"events":["absence.ended","device.added"],"state":"active","confirmed_at":null,"disabled":null,"failing":null,"delivered_at":null,"waiting":0,"dead":0,"start_code":null,"start_link":null}
    "#);
    for response in [change(&server, 0, &json!({ "name": "Mine" })).await, delete(&server, 0).await] {
        assert_eq!(response.status, 400, "{response}");
        assert!(response.body.contains("webhook.url"), "{response}");
    }
    let added = server.owner().post("/api/alerts", r#"{"after": "36h", "channels": [0]}"#).await;
    assert_eq!(added.status, 201, "{added}");
    let sent = server.owner().post("/api/channels/0/test", "").await;
    assert_eq!((sent.status, sent.header("cache-control")), (202, "no-store"));
    let (_, message) = discord.message().await;
    let title = message["embeds"][0]["title"].as_str().expect("a title").to_lowercase();
    assert!(title.contains("test"), "{message}");
}

#[tokio::test]
async fn without_a_channel_in_the_configuration_there_is_none_with_the_id_0() {
    let (server, _database) = Server::fresh().await;
    assert_eq!(server.owner().get("/api/channels/0").await.status, 404);
    assert_eq!(change(&server, 0, &json!({ "name": "Mine" })).await.status, 404);
    assert_eq!(delete(&server, 0).await.status, 404);
}

#[tokio::test]
async fn dead_letters_are_counted_and_sent_again() {
    let (server, database) = Server::fresh().await;
    add(&server, &webhook("Home Assistant")).await;
    // Nothing is sent to it meanwhile.
    database
        .execute(
            "INSERT INTO heartbeat.disabled_channels (channel, settings_hash, reason)
             SELECT 'channel:1', sha256(convert_to(settings::text, 'UTF8')), 'status 410' FROM heartbeat.channels",
        )
        .await;
    database
        .execute(
            "INSERT INTO heartbeat.outbox (channel, kind, happened_at, queued_at, payload, dead_at)
             SELECT 'channel:1', 'beat', now() - interval '2 days', now() - interval '2 days', '{\"device\": 0}', now()
             FROM generate_series(1, 3)",
        )
        .await;
    let channel = shown(&server, 1).await;
    assert_eq!((&channel["waiting"], &channel["dead"]), (&json!(0), &json!(3)));
    assert_eq!(server.owner().post("/api/channels/1/resend", "").await.status, 202);
    let dead = "SELECT count(*) FROM heartbeat.outbox WHERE dead_at IS NOT NULL";
    assert_eq!(database.number(dead).await, 0);
}

#[tokio::test]
async fn only_the_owner_may() {
    let (server, _database) = Server::fresh().await;
    let device = server.device("Laptop").await;
    for (method, path) in [
        (Method::GET, "/api/channels"),
        (Method::POST, "/api/channels"),
        (Method::GET, "/api/channels/1"),
        (Method::PATCH, "/api/channels/1"),
        (Method::DELETE, "/api/channels/1"),
        (Method::POST, "/api/channels/1/test"),
        (Method::POST, "/api/channels/1/resend"),
    ] {
        for client in [&device, &server.stranger()] {
            assert_eq!(client.send(method.clone(), path, Vec::new()).await.status, 401, "{method} {path}");
        }
    }
    let response = server.owner().send(Method::PUT, "/api/channels/1", Vec::new()).await;
    assert_eq!((response.status, response.header("allow")), (405, "GET,HEAD,PATCH,DELETE"));
}
