//! `GET` and `POST /api/alerts`, `GET /api/alerts/preview`, and one alert: `GET`, `PATCH`, `DELETE`, `POST …/test`

use heartbeat_tests::{Response, Server};
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

/// A server whose owner has a channel, with the id 1.
async fn server() -> (Server, heartbeat_tests::Database) {
    let (server, database) = Server::fresh().await;
    let channel = json!({
        "name": "Me", "kind": "webhook", "audience": "owner", "settings": { "url": "https://example.org/in" }
    });
    let added = server.owner().post("/api/channels", channel.to_string()).await;
    assert_eq!(added.status, 201, "{added}");
    (server, database)
}

async fn add(server: &Server, alert: &Value) -> Response {
    server.owner().post("/api/alerts", alert.to_string()).await
}

async fn change(server: &Server, change: &Value) -> Response {
    server.owner().send(Method::PATCH, "/api/alerts/1", change.to_string().into()).await
}

#[tokio::test]
async fn an_alert_is_added_with_every_member_or_with_its_length_alone() {
    let (server, _database) = server().await;
    server.owner().register("Laptop").await;
    assert_snapshot!(server.owner().get("/api/alerts").await, @r#"
    200
    content-type: application/json
    cache-control: no-store

    {"alerts":[]}
    "#);
    let all = json!({
        "name": " Two days ", "after": "48h", "device": 0, "channels": [1], "repeat": "12h", "rest": "23:00-07:00",
        "quiet": "22:00-08:00", "message": " Please call me,\r\nthen Ben. ", "enabled": false
    });
    assert_snapshot!(add(&server, &all).await, @r#"
    201
    content-type: application/json
    cache-control: no-store

    {"id":1,"name":"Two days","after":"2d","device":0,"channels":[1],"repeat":"12h","rest":"23:00-07:00","quiet":"22:00-08:00","message":"Please call me,\nthen Ben.","enabled":false,"effective_after":"2d","state":"disabled","fires_at":null,"snoozed_until":null,"firing":null,"unconfirmed":[],"disabled_channels":[],"past_firings":[]}
    "#);
    let shortest = add(&server, &json!({ "after": "10m" })).await;
    assert_eq!(shortest.status, 201, "{shortest}");
    assert_eq!(shortest.json()["name"], "After 10 minutes");
    assert_eq!(shortest.json()["channels"], json!([]));
    let listed = server.owner().get("/api/alerts").await.json();
    let names: Vec<&Value> =
        listed["alerts"].as_array().expect("a list").iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["After 10 minutes", "Two days"]);
    let mut alone = server.owner().get("/api/alerts/1").await.json();
    assert_eq!(alone["past_firings"].take(), json!([]));
    let mut among = listed["alerts"][1].clone();
    among["past_firings"] = Value::Null;
    assert_eq!(among, alone);
}

#[tokio::test]
async fn alerts_without_a_name_are_called_after_their_length() {
    let (server, _database) = server().await;
    for (after, name) in [
        ("45m", "After 45 minutes"),
        ("90m", "After 90 minutes"),
        ("1h", "After 1 hour"),
        ("2d", "After 48 hours"),
        ("7d", "After 7 days"),
        ("unusual", "Unusual absence"),
    ] {
        assert_eq!(add(&server, &json!({ "after": after })).await.json()["name"], name);
    }
}

#[tokio::test]
async fn every_member_can_be_changed_alone_and_null_takes_away_what_is_optional() {
    let (server, _database) = server().await;
    server.owner().register("Laptop").await;
    add(&server, &json!({ "name": "Two days", "after": "48h" })).await;
    let mut expected = server.owner().get("/api/alerts/1").await.json();
    for (member, value, shown) in [
        ("name", json!(" Long "), json!("Long")),
        ("after", json!("72h"), json!("3d")),
        ("device", json!(0), json!(0)),
        ("device", json!(null), json!(null)),
        ("channels", json!([1]), json!([1])),
        ("channels", json!([]), json!([])),
        ("repeat", json!("60m"), json!("1h")),
        ("repeat", json!(null), json!(null)),
        ("rest", json!("9:00-24:00"), json!("09:00-00:00")),
        ("rest", json!(null), json!(null)),
        ("quiet", json!("23:00-07:00"), json!("23:00-07:00")),
        ("quiet", json!(null), json!(null)),
        ("message", json!("Call me"), json!("Call me")),
        ("message", json!(null), json!(null)),
        ("message", json!("   "), json!(null)),
        ("enabled", json!(false), json!(false)),
    ] {
        let changed = change(&server, &json!({ member: value })).await;
        assert_eq!((changed.status, changed.header("cache-control")), (200, "no-store"), "{changed}");
        expected[member] = shown;
        for (name, value) in expected.as_object().expect("an object") {
            if !["effective_after", "state"].contains(&name.as_str()) {
                assert_eq!(changed.json()[name], *value, "{member}: {name}");
            }
        }
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let (server, database) = server().await;
    let long = "a".repeat(501);
    let bad = [
        ("name", json!("")),
        ("name", json!(null)),
        ("after", json!("9m")),
        ("after", json!("367d")),
        ("after", json!(3600)),
        ("after", json!("1w")),
        ("after", json!(null)),
        ("device", json!(7)),
        ("device", json!("0")),
        ("channels", json!([7])),
        ("channels", json!([0])),
        ("channels", json!([1, 1])),
        ("channels", json!(["1"])),
        ("channels", json!(null)),
        ("repeat", json!("59m")),
        ("rest", json!("23:00")),
        ("rest", json!("25:00-07:00")),
        ("quiet", json!(7)),
        ("message", json!(long)),
        ("message", json!("a\u{7}")),
        ("enabled", json!("yes")),
        ("enabled", json!(null)),
        ("effective_after", json!("48h")),
        ("state", json!("armed")),
    ];
    for (member, value) in &bad {
        let mut alert = json!({ "after": "48h" });
        alert[member] = value.clone();
        assert_eq!(add(&server, &alert).await.status, 400, "{alert}");
    }
    for body in ["", "[]", "{}", r#"{"name": "a"}"#] {
        assert_eq!(server.owner().post("/api/alerts", body).await.status, 400, "{body}");
    }
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.alerts").await, 0);
    add(&server, &json!({ "after": "48h" })).await;
    for (member, value) in bad {
        assert_eq!(change(&server, &json!({ member: value })).await.status, 400, "{member}");
    }
    assert_eq!(change(&server, &json!({})).await.status, 400);
    assert_snapshot!(add(&server, &json!({ "after": "48h", "channels": [7] })).await, @r#"
    400
    content-type: application/problem+json
    cache-control: no-store

    {"type":"about:blank","title":"Bad Request","status":400,"detail":"The member \"channels\" is not a list of ids of channels that exist."}
    "#);
}

#[tokio::test]
async fn a_former_id_names_a_device_and_a_channel_that_is_gone_hinders_no_change() {
    let (server, database) = server().await;
    server.owner().register("Laptop").await;
    database
        .execute("INSERT INTO heartbeat.former_ids (former_id, device) VALUES (9007199254740993, 0)")
        .await;
    let added =
        add(&server, &json!({ "after": "48h", "device": 9_007_199_254_740_993_i64, "channels": [1] })).await;
    assert_eq!(added.json()["device"], 0, "{added}");
    // As when the configuration names its channel no more.
    database.execute("UPDATE heartbeat.alerts SET channels = '{0}'").await;
    assert_eq!(change(&server, &json!({ "enabled": false })).await.status, 200);
    let erased = server.owner().send(Method::DELETE, "/api/devices/0", Vec::new()).await;
    assert_eq!(erased.status, 204, "{erased}");
    assert_eq!(server.owner().get("/api/alerts/1").await.status, 404);
}

#[tokio::test]
async fn an_alert_is_tried_and_deleted() {
    let (server, database) = server().await;
    add(&server, &json!({ "after": "48h", "channels": [] })).await;
    let tried = server.owner().post("/api/alerts/1/test", "").await;
    assert_eq!((tried.status, tried.header("cache-control")), (202, "no-store"));
    let deleted = server.owner().send(Method::DELETE, "/api/alerts/1", Vec::new()).await;
    assert_eq!((deleted.status, deleted.header("cache-control")), (204, "no-store"));
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.alerts").await, 0);
    for id in ["1", "-1", "one", "01", "99999999999999999999"] {
        for (method, path) in
            [(Method::GET, ""), (Method::PATCH, ""), (Method::DELETE, ""), (Method::POST, "/test")]
        {
            let path = format!("/api/alerts/{id}{path}");
            let response = server.owner().send(method.clone(), &path, br#"{"name": "a"}"#.to_vec()).await;
            assert_eq!(response.status, 404, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn there_are_fifty_alerts_at_most() {
    let (server, database) = server().await;
    database
        .execute(
            "INSERT INTO heartbeat.alerts (name, after_seconds) SELECT 'n', 600 FROM generate_series(1, 50)",
        )
        .await;
    let refused = add(&server, &json!({ "after": "48h" })).await;
    assert_eq!(refused.status, 400, "{refused}");
    assert!(refused.body.contains("50 alerts"), "{refused}");
}

#[tokio::test]
async fn a_preview_says_when_such_an_alert_would_have_fired() {
    let (server, _database) = server().await;
    server.owner().register("Laptop").await;
    assert_snapshot!(server.owner().get("/api/alerts/preview?after=48h&device=&rest=").await, @r#"
    200
    content-type: application/json
    cache-control: no-store

    {"effective_after":"2d","firings":[],"data_since":null}
    "#);
    let unusual = server.owner().get("/api/alerts/preview?after=unusual&device=0&rest=23:00-07:00&x=1").await;
    assert_eq!(unusual.json()["effective_after"], json!(null), "{unusual}");
    for query in
        ["", "?after=", "?after=9m", "?after=48h&device=7", "?after=48h&device=one", "?after=48h&rest=7"]
    {
        let refused = server.owner().get(&format!("/api/alerts/preview{query}")).await;
        assert_eq!(refused.status, 400, "{query}: {refused}");
    }
    let others = server.owner().send(Method::DELETE, "/api/alerts/preview", Vec::new()).await;
    assert_eq!((others.status, others.header("allow")), (405, "GET,HEAD"));
}

#[tokio::test]
async fn one_alert_says_when_it_fired_before_and_who_was_told() {
    let (server, database) = server().await;
    add(&server, &json!({ "after": "2d", "channels": [1] })).await;
    database
        .execute(
            "INSERT INTO heartbeat.alert_firings (alert, name, since, fired_at, ended_at, ended_by, resolved_at)
             SELECT 1, 'Old', day, day + interval '2 d', day + interval '3 d', 'beat', day + interval '3 d'
             FROM generate_series(timestamptz '2026-01-01', '2026-01-12', '1 day') AS day;
             UPDATE heartbeat.alert_firings SET ended_by = 'ok', reached_at = ended_at, reached_by = 2 WHERE id = 12;
             INSERT INTO heartbeat.alert_firings (alert, name, since) VALUES (7, 'Of another', '2026-02-01');
             INSERT INTO heartbeat.alert_notifications (firing, channel, kind, event, queued_at, sent_at) VALUES
                 (12, 1, 'fired', 0, '2026-01-14', '2026-01-14'), (12, 1, 'resolved', 0, '2026-01-15', NULL);
             INSERT INTO heartbeat.disabled_channels (channel, settings_hash, reason)
             VALUES ('channel:1', '', 'status 404')",
        )
        .await;
    let alert = server.owner().get("/api/alerts/1").await.json();
    let past = alert["past_firings"].as_array().expect("a list");
    let since: Vec<&Value> = past.iter().map(|firing| &firing["since"]).collect();
    assert_eq!(
        (since.len(), since[0], since[9]),
        (10, &json!("2026-01-12T00:00:00Z"), &json!("2026-01-03T00:00:00Z"))
    );
    assert_eq!((&past[0]["ended_by"], &past[1]["ended_by"]), (&json!("ok"), &json!("beat")));
    assert_eq!(past[0]["reached_by"], 2);
    let told = past[0]["told"].as_array().expect("a list");
    let told: Vec<_> = told.iter().map(|told| (&told["channel"], &told["kind"])).collect();
    assert_eq!(told, [(&json!(1), &json!("fired")), (&json!(1), &json!("resolved"))]);
    assert_eq!((&alert["disabled_channels"], &alert["unconfirmed"]), (&json!(["Me"]), &json!([])));
    assert_eq!(server.owner().get("/api/alerts").await.json()["alerts"][0]["past_firings"], Value::Null);

    let page = crate::manage::owner(&server).await.get("/manage/alerts/1").await;
    assert!(page.body.contains("The last times it fired"), "{page}");
    assert_eq!(page.body.matches("silent since").count(), 10, "{page}");
    assert!(page.body.contains("you said that you are well"), "{page}");
}

#[tokio::test]
async fn only_the_owner_may() {
    let (server, _database) = server().await;
    let device = server.device("Laptop").await;
    for (method, path) in [
        (Method::GET, "/api/alerts"),
        (Method::POST, "/api/alerts"),
        (Method::GET, "/api/alerts/preview?after=48h"),
        (Method::GET, "/api/alerts/1"),
        (Method::PATCH, "/api/alerts/1"),
        (Method::DELETE, "/api/alerts/1"),
        (Method::POST, "/api/alerts/1/test"),
    ] {
        for client in [&device, &server.stranger()] {
            assert_eq!(client.send(method.clone(), path, Vec::new()).await.status, 401, "{method} {path}");
        }
    }
}
