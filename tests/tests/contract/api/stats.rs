//! `GET /api/stats`

use heartbeat_tests::{Database, Server, ServerBuilder};
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn before_the_first_beat_times_are_null_and_counts_are_zero() {
    let (server, database) = Server::fresh().await;
    database.execute("UPDATE heartbeat.stats SET server_start_time = now() + interval '1 hour'").await;
    server.owner().register("Laptop").await;
    let server = ServerBuilder::on(&database).start().await;
    assert_snapshot!(server.stranger().get("/api/stats").await, @r#"
    200
    content-type: application/json
    cache-control: no-cache

    {"last_seen":null,"last_seen_relative":null,"longest_absence":0,"num_visits":0,"total_beats":0,"devices":[{"id":0,"name":"Laptop","last_beat":null,"num_beats":0}],"uptime":0}
    "#);
}

#[tokio::test]
async fn a_beat_is_in_every_response_after_its_own() {
    let (server, _database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    for beats in 1..=50 {
        let recorded = laptop.beat().await;
        let stats = server.stranger().stats().await;
        assert_eq!((&stats["total_beats"], &stats["last_seen"]), (&beats.into(), &recorded.into()));
        assert_eq!(
            stats["devices"],
            json!([{ "id": 0, "name": "Laptop", "last_beat": recorded, "num_beats": beats }])
        );
    }
}

#[tokio::test]
async fn a_new_device_is_in_the_next_response() {
    let (server, _database) = Server::fresh().await;
    for number in 0..5 {
        assert_eq!(server.stranger().stats().await["devices"].as_array().map(Vec::len), Some(number));
        server.owner().register("Another").await;
    }
}

#[tokio::test]
async fn the_longest_absence_is_the_longest_time_between_beats_of_any_two_devices() {
    let (server, database) = Server::fresh().await;
    let ((_, laptop), (_, phone)) =
        (server.owner().register("Laptop").await, server.owner().register("Phone").await);
    server.stranger().authorized(&laptop).beat().await;
    backdate(&database, 1000).await;
    // A running server caches the last beat; a new one reads it from the database.
    let server = ServerBuilder::on(&database).start().await;
    server.stranger().authorized(&phone).beat().await;
    let longest = server.stranger().stats().await["longest_absence"].as_i64().expect("a number");
    assert!((1000..1100).contains(&longest), "{longest}");

    // A shorter absence changes nothing, by either device.
    backdate(&database, 500).await;
    let server = ServerBuilder::on(&database).start().await;
    server.stranger().authorized(&laptop).beat().await;
    server.stranger().authorized(&phone).beat().await;
    let stats = server.stranger().stats().await;
    assert_eq!(stats["longest_absence"], longest);
    assert_eq!(stats["total_beats"], 4);
}

#[tokio::test]
async fn the_ongoing_absence_counts_as_soon_as_it_is_the_longest() {
    let (server, database) = Server::fresh().await;
    server.device("Laptop").await.beat().await;
    backdate(&database, 3000).await;
    let other = ServerBuilder::on(&database).start().await;
    let stats = other.stranger().stats().await;
    assert_eq!(stats["longest_absence"], stats["last_seen_relative"]);
    assert!(stats["longest_absence"].as_i64() >= Some(3000), "{stats}");
}

#[tokio::test]
async fn stats_survive_a_restart() {
    let (mut server, database) = Server::fresh().await;
    server.device("Laptop").await.beat().await;
    database
        .execute("UPDATE heartbeat.stats SET server_start_time = server_start_time - interval '1 day'")
        .await;
    assert!(server.stop().await.success());

    let server = ServerBuilder::on(&database).start().await;
    let stats = server.stranger().stats().await;
    assert_eq!((&stats["total_beats"], &stats["devices"][0]["name"]), (&1.into(), &"Laptop".into()));
    assert!(stats["uptime"].as_i64() >= Some(86_400), "{stats}");
}

#[tokio::test]
async fn a_device_of_the_legacy_schema_may_have_no_name() {
    let (_server, database) = Server::fresh().await;
    database.execute("INSERT INTO heartbeat.devices (id, token_hash) VALUES (40, sha256('old'))").await;
    let server = ServerBuilder::on(&database).start().await;
    server.stranger().authorized("old").beat().await;
    let stats = server.stranger().stats().await;
    assert_eq!((&stats["devices"][0]["id"], &stats["devices"][0]["name"]), (&40.into(), &json!(null)));
}

#[tokio::test]
async fn head_is_answered_like_get_without_the_body() {
    let (server, _database) = Server::fresh().await;
    let response = server.stranger().send(Method::HEAD, "/api/stats", Vec::new()).await;
    assert_eq!(
        (response.status, response.header("content-type"), response.body.as_str()),
        (200, "application/json", "")
    );
}

/// Moves all recorded times into the past by some seconds.
async fn backdate(database: &Database, seconds: u32) {
    let past = format!("- interval '{seconds} seconds'");
    database
        .execute(&format!(
            "UPDATE heartbeat.devices SET last_beat = last_beat {past};
             UPDATE heartbeat.stats SET last_beat = last_beat {past};
             UPDATE heartbeat.beats SET time_stamp = time_stamp {past}"
        ))
        .await;
}
