//! Places of viewers at API Gateway: how many there are, for whom, and when they are free again.

use std::sync::Arc;

use futures_util::future::join_all;
use heartbeat_tests::Function;
use serde_json::json;

use crate::fake_cloud::{DISCONNECT, FakeCloud, connect_from, say, spawn_pusher};

#[tokio::test]
async fn viewers_beyond_the_limit_or_the_share_of_a_client_are_refused() {
    let mut cloud = FakeCloud::start().await;
    cloud.set("HEARTBEAT_MAX_VIEWERS", "40");
    let (connect, disconnect) =
        (cloud.function("stream_connect").await, cloud.function("stream_disconnect").await);
    let mut answers = Vec::new();
    for number in 0..34 {
        // All of one /64, whose share is 32.
        let ip = format!("2001:db8::{number:x}");
        answers.push(connect_from(&ip, &connect, &format!("greedy-{number}")).await);
    }
    assert_eq!(answers, [vec![200; 32], vec![503; 2]].concat());
    let mut answers = Vec::new();
    for number in 0..9 {
        let ip = format!("198.51.100.{number}");
        answers.push(connect_from(&ip, &connect, &format!("other-{number}")).await);
    }
    assert_eq!(answers, [vec![200; 8], vec![503; 1]].concat());
    assert_eq!(cloud.connection_count().await, 40);

    assert_eq!(disconnect.websocket_event(DISCONNECT, "greedy-0").await, 200);
    assert_eq!(connect_from("198.51.100.9", &connect, "other-9").await, 200);
    assert_eq!(cloud.connection_count().await, 40);
}

#[tokio::test]
async fn a_hello_is_no_way_around_the_limit() {
    let mut cloud = FakeCloud::start().await;
    cloud.set("HEARTBEAT_MAX_VIEWERS", "1");
    let (connect, hello) = (cloud.function("stream_connect").await, cloud.function("stream_default").await);
    let (mut viewer, mut stranger) = (cloud.server.viewer().await, cloud.server.viewer().await);
    assert_eq!(connect_from("203.0.113.7", &connect, &viewer.id).await, 200);
    assert_eq!(say("hello", &hello, &stranger.id).await, 503);
    assert!(stranger.frame().await.is_none(), "it stays connected");
    // One that has a place keeps it.
    assert_eq!(say("hello", &hello, &viewer.id).await, 200);
    viewer.frame().await.expect("the answer to the hello");
    // A row that was lost comes back.
    cloud.database.execute("DELETE FROM heartbeat.connections").await;
    assert_eq!(say("hello", &hello, &viewer.id).await, 200);
    viewer.frame().await.expect("the answer to the hello");
    assert_eq!(cloud.connection_count().await, 1);
}

/// Connects ten viewers, each from an IP address of its own; returns how many are refused.
async fn connect_ten(connect: &Function, function: usize) -> i64 {
    let mut refused = 0;
    for viewer in 0..10 {
        let ip = format!("198.51.{function}.{viewer}");
        let status = connect_from(&ip, connect, &format!("{function}-{viewer}")).await;
        refused += i64::from(status == 503);
    }
    refused
}

#[tokio::test]
async fn functions_that_connect_viewers_at_the_same_time_exceed_the_limit_by_less_than_their_number() {
    const MAX_VIEWERS: i64 = 20;
    let mut cloud = FakeCloud::start().await;
    cloud.set("HEARTBEAT_MAX_VIEWERS", &MAX_VIEWERS.to_string());
    let functions: Vec<Function> = join_all((0..6).map(|_| cloud.function("stream_connect"))).await;
    let connecting = functions.iter().zip(0..).map(|(function, number)| connect_ten(function, number));
    let refused: i64 = join_all(connecting).await.into_iter().sum();
    let count = cloud.connection_count().await;
    let most = MAX_VIEWERS - 1 + i64::try_from(functions.len()).expect("small");
    assert!((MAX_VIEWERS..=most).contains(&count), "{count}");
    assert_eq!(count + refused, 60);
}

#[tokio::test]
async fn a_connection_whose_end_nobody_told_gives_its_place_back_in_time() {
    let mut cloud = FakeCloud::start().await;
    cloud.set("HEARTBEAT_MAX_VIEWERS", "1");
    let connect = cloud.function("stream_connect").await;
    // API Gateway closes connections after two hours. The other time is of a clock that was ahead.
    cloud
        .database
        .execute(
            "INSERT INTO heartbeat.connections (id, connected_at)
             VALUES ('old', now() - interval '126 minutes'), ('ahead', now() + interval '1 year')",
        )
        .await;
    let pusher = Arc::new(cloud.function("pusher").await);
    let ended = spawn_pusher(&pusher).await.expect("an end");
    assert_eq!(ended, Ok(json!({ "ended": "NoViewers" })));
    assert_eq!(connect_from("203.0.113.7", &connect, "new").await, 200);
    assert_eq!(connect_from("203.0.113.8", &connect, "newer").await, 503);

    cloud.function("minutely").await.invoke(json!({})).await.expect("an end");
    assert_eq!(cloud.database.text("SELECT string_agg(id, ' ') FROM heartbeat.connections").await, "new");
}
