//! The stream behind API Gateway: real functions, invoked with events of a WebSocket API, post frames with the real
//! SDK to the management calls of a local server, on which real WebSockets are open.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use heartbeat_tests::{Database, eventually};
use serde_json::json;

use crate::fake_cloud::{CONNECT, DEFAULT, DISCONNECT, FakeCloud, spawn_pusher};

#[tokio::test]
async fn a_connection_is_recorded_and_removed_and_the_first_one_starts_the_pusher() {
    let mut cloud = FakeCloud::start().await;
    let (connect, disconnect) =
        (cloud.function("stream_connect").await, cloud.function("stream_disconnect").await);
    assert_eq!(connect.websocket_event(CONNECT, "one").await, 200);
    assert_eq!(cloud.invoked.try_recv().as_deref(), Ok("the-pusher"));
    assert_eq!(cloud.connection_count().await, 1);

    cloud
        .database
        .execute("UPDATE heartbeat.pusher SET holder = 'another', expires_at = now() + interval '1 hour'")
        .await;
    assert_eq!(connect.websocket_event(CONNECT, "two").await, 200);
    assert!(cloud.invoked.try_recv().is_err());

    for (id, left) in [("one", 1), ("unknown", 1), ("two", 0)] {
        assert_eq!(disconnect.websocket_event(DISCONNECT, id).await, 200);
        assert_eq!(cloud.connection_count().await, left);
    }
}

#[tokio::test]
async fn without_a_database_connections_are_rejected() {
    let mut cloud = FakeCloud::start().await;
    cloud.database = Database::reserve();
    assert_eq!(cloud.function("stream_connect").await.websocket_event(CONNECT, "one").await, 503);
}

#[tokio::test]
async fn a_hello_is_answered_at_once_with_the_stats() {
    let mut cloud = FakeCloud::start().await;
    cloud.server.device("Laptop").await.beat().await;
    let hello = cloud.function("stream_default").await;
    let mut viewer = cloud.server.viewer().await;
    assert_eq!(hello.websocket_event(DEFAULT, &viewer.id).await, 200);
    assert_eq!(viewer.stats().await["total_beats"], 1);
    assert_eq!(cloud.invoked.try_recv().as_deref(), Ok("the-pusher"));
}

#[tokio::test]
async fn the_pusher_sends_a_frame_a_second_until_there_are_no_viewers() {
    let cloud = FakeCloud::start().await;
    let laptop = cloud.server.device("Laptop").await;
    let mut viewers = [cloud.server.viewer().await, cloud.server.viewer().await];
    for viewer in &viewers {
        cloud.record_connection(&viewer.id).await;
    }
    let pusher = Arc::new(cloud.function("pusher").await);
    let ended = spawn_pusher(&pusher);
    let mut times = Vec::new();
    for _ in 0..4 {
        laptop.beat().await;
        let mut frames = Vec::new();
        for viewer in &mut viewers {
            frames.push(viewer.frame().await.expect("a frame"));
        }
        assert_eq!(frames[0].0, frames[1].0);
        times.push(frames[0].1);
    }
    // The machine may delay the test, but not by this much.
    let span = times[3] - times[0];
    assert!(span > Duration::from_millis(1500) && span < Duration::from_millis(4500), "{span:?}");
    // Beats through another process show within a second, and so in one of the next two frames.
    viewers[0].stats().await;
    assert_eq!(viewers[0].stats().await["total_beats"], 4);
    cloud.database.execute("DELETE FROM heartbeat.connections").await;
    assert_eq!(ended.await.expect("an end"), Ok(json!({ "ended": "NoViewers" })));
    assert_eq!(
        cloud.database.number("SELECT count(*) FROM heartbeat.pusher WHERE expires_at > now()").await,
        0
    );
}

#[tokio::test]
async fn a_connection_that_is_gone_is_removed_with_the_next_frame() {
    let cloud = FakeCloud::start().await;
    let mut viewer = cloud.server.viewer().await;
    cloud.record_connection(&viewer.id).await;
    cloud.record_connection("long-gone").await;
    // API Gateway opens a connection only after `$connect` has answered.
    cloud.database.execute("INSERT INTO heartbeat.connections (id) VALUES ('not-open-yet')").await;
    let pusher = Arc::new(cloud.function("pusher").await);
    let ended = spawn_pusher(&pusher);
    viewer.frame().await.expect("a frame");
    viewer.frame().await.expect("a frame");
    assert_eq!(cloud.connection_count().await, 2);
    drop(viewer);
    cloud.database.execute("DELETE FROM heartbeat.connections WHERE id = 'not-open-yet'").await;
    assert_eq!(ended.await.expect("an end"), Ok(json!({ "ended": "NoViewers" })));
    assert_eq!(cloud.connection_count().await, 0);
}

#[tokio::test]
async fn minutely_starts_a_pusher_if_there_are_viewers_and_none_runs() {
    let mut cloud = FakeCloud::start().await;
    let minutely = cloud.function("minutely").await;
    let mut started = async || {
        minutely.invoke(json!({})).await.expect("an end");
        cloud.invoked.try_recv().ok()
    };
    assert_eq!(started().await, None);
    cloud.database.execute("INSERT INTO heartbeat.connections (id) VALUES ('one')").await;
    assert_eq!(started().await.as_deref(), Some("the-pusher"));
    cloud
        .database
        .execute("UPDATE heartbeat.pusher SET holder = 'another', expires_at = now() + interval '1 hour'")
        .await;
    assert_eq!(started().await, None);
}

#[tokio::test]
async fn of_two_pushers_one_sends_and_the_other_ends() {
    let cloud = FakeCloud::start().await;
    let mut viewer = cloud.server.viewer().await;
    cloud.record_connection(&viewer.id).await;
    let pushers = [Arc::new(cloud.function("pusher").await), Arc::new(cloud.function("pusher").await)];
    let first = spawn_pusher(&pushers[0]);
    viewer.frame().await.expect("a frame");
    assert_eq!(spawn_pusher(&pushers[1]).await.expect("an end"), Ok(json!({ "ended": "LeaseHeld" })));
    let mut times = Vec::new();
    for _ in 0..4 {
        times.push(viewer.frame().await.expect("a frame").1);
    }
    // Two pushers would send twice as many frames.
    assert!(times[3] - times[0] > Duration::from_millis(2500), "{times:?}");
    assert!(!first.is_finished());
}

#[tokio::test]
async fn a_pusher_that_was_frozen_past_its_lease_does_not_send_beside_its_successor() {
    let cloud = FakeCloud::start().await;
    let mut viewer = cloud.server.viewer().await;
    cloud.record_connection(&viewer.id).await;
    let pushers = [Arc::new(cloud.function("pusher").await), Arc::new(cloud.function("pusher").await)];
    let first = spawn_pusher(&pushers[0]);
    viewer.frame().await.expect("a frame");
    pushers[0].freeze();
    let expired = "SELECT count(*) FROM heartbeat.pusher WHERE expires_at <= now()";
    eventually("an expired lease", async || cloud.database.number(expired).await == 1).await;
    let second = spawn_pusher(&pushers[1]);
    let held = "SELECT count(*) FROM heartbeat.pusher WHERE expires_at > now()";
    eventually("a new lease", async || cloud.database.number(held).await == 1).await;
    pushers[0].thaw();
    assert_eq!(first.await.expect("an end"), Ok(json!({ "ended": "LeaseHeld" })));
    assert!(!second.is_finished());
    viewer.frame().await.expect("a frame");
}

#[tokio::test]
async fn a_pusher_that_was_killed_is_replaced_within_five_seconds() {
    let mut cloud = FakeCloud::start().await;
    let mut viewer = cloud.server.viewer().await;
    cloud.record_connection(&viewer.id).await;
    let hello = cloud.function("stream_default").await;
    let mut killed = cloud.function("pusher").await;
    let successor = Arc::new(cloud.function("pusher").await);
    {
        let mut running = Box::pin(killed.invoke(json!({})));
        tokio::select! {
            ended = &mut running => panic!("it ended: {ended:?}"),
            frame = viewer.frame() => drop(frame.expect("a frame")),
        }
    }
    killed.kill().await;
    let killed_at = Instant::now();
    // Like the page, which sends a hello after a second or two without a frame.
    eventually("a new pusher", async || {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(hello.websocket_event(DEFAULT, &viewer.id).await, 200);
        viewer.frame().await.expect("the response to the hello");
        cloud.invoked.try_recv().is_ok()
    })
    .await;
    let _running = spawn_pusher(&successor);
    viewer.frame().await.expect("a frame");
    assert!(killed_at.elapsed() < Duration::from_secs(5), "{:?}", killed_at.elapsed());
}

#[tokio::test]
async fn before_its_time_is_up_a_pusher_hands_over() {
    let mut cloud = FakeCloud::start().await;
    let mut viewer = cloud.server.viewer().await;
    cloud.record_connection(&viewer.id).await;
    let pusher = Arc::new(cloud.function_with_timeout("pusher", Duration::from_secs(7)).await);
    let started = Instant::now();
    let ended = spawn_pusher(&pusher);
    viewer.frame().await.expect("a frame");
    assert_eq!(ended.await.expect("an end"), Ok(json!({ "ended": "TimedOut" })));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(cloud.invoked.recv().await.as_deref(), Some("the-pusher"));
    // The successor need not wait until the lease expires.
    let successor = Arc::new(cloud.function("pusher").await);
    let _running = spawn_pusher(&successor);
    viewer.frame().await.expect("a frame");
    assert_eq!(cloud.connection_count().await, 1);
}
