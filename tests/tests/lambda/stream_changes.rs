//! Frames at changes alone, for viewers at API Gateway that ask for them in a hello.

use std::sync::Arc;

use heartbeat_tests::{CountingProxy, PgBouncer};
use serde_json::json;

use crate::fake_cloud::{DISCONNECT, FakeCloud, connect_from, say, spawn_pusher};

/// What the pages say.
const HELLO: &str = r#"{"action":"hello","frames":"changes"}"#;

#[tokio::test]
async fn a_viewer_that_asks_for_changes_gets_no_frame_while_only_time_passes() {
    let cloud = FakeCloud::start().await;
    let laptop = cloud.server.device("Laptop").await;
    laptop.beat().await;
    let default = cloud.function("stream_default").await;
    let (mut resting, mut other) = (cloud.server.viewer().await, cloud.server.viewer().await);
    assert_eq!(say(HELLO, &default, &resting.id).await, 200);
    assert_eq!(say("hello", &default, &other.id).await, 200);
    let pusher = Arc::new(cloud.function("pusher").await);
    let _running = spawn_pusher(&pusher);
    // The answer to the hello, and the first frame of the pusher, which does not know of the former.
    for viewer in [&mut resting, &mut other] {
        for _ in 0..2 {
            assert_eq!(viewer.stats().await["total_beats"], 1);
        }
    }
    let mut ages = Vec::new();
    for _ in 0..3 {
        ages.push(other.stats().await["last_seen_relative"].clone());
    }
    assert_ne!(ages.first(), ages.last(), "no time has passed");
    assert!(resting.has_no_frame().await);

    // The beats of one second are one change.
    for _ in 0..3 {
        laptop.beat().await;
    }
    let mut seen = Vec::new();
    while seen.last() != Some(&4) {
        seen.push(resting.stats().await["total_beats"].as_u64().expect("a number"));
    }
    assert!(seen.len() <= 2, "{seen:?}");
    while other.stats().await["total_beats"] != 4 {}
    for _ in 0..2 {
        other.stats().await;
    }
    assert!(resting.has_no_frame().await);

    // A later hello counts, if it asks for something.
    assert_eq!(say("hello", &default, &resting.id).await, 200);
    resting.stats().await;
    assert!(resting.has_no_frame().await);
    assert_eq!(say(r#"{"action":"hello","frames":""}"#, &default, &resting.id).await, 200);
    for _ in 0..4 {
        resting.stats().await;
    }
}

#[tokio::test]
async fn resting_viewers_cost_the_database_two_round_trips_a_second_at_most() {
    let (mut cloud, proxy) = (FakeCloud::start().await, CountingProxy::start().await);
    let default = cloud.function("stream_default").await;
    let mut resting = Vec::new();
    for _ in 0..20 {
        let mut viewer = cloud.server.viewer().await;
        assert_eq!(say(HELLO, &default, &viewer.id).await, 200);
        viewer.frame().await.expect("the answer to the hello");
        resting.push(viewer);
    }
    let mut other = cloud.server.viewer().await;
    cloud.record_connection(&other.id).await;
    cloud.set("HEARTBEAT_DATABASE_DSN", &proxy.url(&cloud.database));
    let pusher = Arc::new(cloud.function("pusher").await);
    let _running = spawn_pusher(&pusher);
    // The statements are prepared with the first frames.
    for _ in 0..3 {
        other.frame().await.expect("a frame");
    }
    let before = proxy.round_trips();
    for _ in 0..4 {
        other.frame().await.expect("a frame");
    }
    // The lease and the viewers, and the stats unless they are younger than a second.
    let round_trips = proxy.round_trips() - before;
    assert!((4..=8).contains(&round_trips), "{round_trips}");
    for viewer in &mut resting {
        viewer.frame().await.expect("the first frame of the pusher");
        assert!(viewer.has_no_frame().await);
    }
}

#[tokio::test]
async fn a_hello_that_asks_for_other_frames_is_told_what_there_is() {
    let cloud = FakeCloud::start().await;
    let default = cloud.function("stream_default").await;
    let mut viewer = cloud.server.viewer().await;
    assert_eq!(say(r#"{"action":"hello","frames":"all"}"#, &default, &viewer.id).await, 400);
    let (message, _) = viewer.frame().await.expect("a message");
    insta::assert_snapshot!(message, @r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"The parameter \"frames\" is neither \"changes\" nor left out."}"#);
}

#[tokio::test]
async fn a_viewer_that_a_program_of_the_release_before_registered_gets_a_frame_a_second() {
    let cloud = FakeCloud::start().await;
    let mut viewer = cloud.server.viewer().await;
    let registered = include_str!("../../releases/0.1.0/connect.sql");
    sqlx::query(registered)
        .bind(&viewer.id)
        .execute(&mut cloud.database.connect().await)
        .await
        .expect("a statement that still works");
    let pusher = Arc::new(cloud.function("pusher").await);
    let _running = spawn_pusher(&pusher);
    for _ in 0..3 {
        viewer.frame().await.expect("a frame");
    }
}

#[tokio::test]
async fn behind_a_pooler_in_transaction_mode_viewers_connect_and_get_their_frames() {
    let mut cloud = FakeCloud::start().await;
    let Some(pooler) = PgBouncer::start(&cloud.database, 2).await else { return };
    cloud.set("HEARTBEAT_DATABASE_DSN", &pooler.url(&cloud.database));
    cloud.set("HEARTBEAT_DATABASE_POOLER", "transaction");
    let laptop = cloud.server.device("Laptop").await;
    let (connect, default) = (cloud.function("stream_connect").await, cloud.function("stream_default").await);
    let mut viewer = cloud.server.viewer().await;
    assert_eq!(connect_from("203.0.113.7", &connect, &viewer.id).await, 200);
    assert_eq!(say(HELLO, &default, &viewer.id).await, 200);
    let pusher = Arc::new(cloud.function("pusher").await);
    let ended = spawn_pusher(&pusher);
    for _ in 0..2 {
        assert_eq!(viewer.stats().await["total_beats"], 0);
    }
    laptop.beat().await;
    assert_eq!(viewer.stats().await["total_beats"], 1);
    let disconnect = cloud.function("stream_disconnect").await;
    assert_eq!(disconnect.websocket_event(DISCONNECT, &viewer.id).await, 200);
    assert_eq!(ended.await.expect("an end"), Ok(json!({ "ended": "NoViewers" })));
}
