//! `GET /api/stats/ws?frames=changes`. What takes half a minute is in `abuse/resting_viewers.rs`.

use std::time::{Duration, Instant};

use heartbeat_tests::{Server, ServerBuilder, Viewer, client::http};

/// Much longer than a frame takes, and much less than the time after which one comes without a change.
const FRAME_TIMEOUT: Duration = Duration::from_secs(10);

/// Waits for the frame of a change; returns the number of beats in it.
async fn beats_at_change(viewer: &mut Viewer) -> u64 {
    let asked = Instant::now();
    let stats = viewer.stats().await;
    assert!(asked.elapsed() < FRAME_TIMEOUT, "{:?}", asked.elapsed());
    stats["total_beats"].as_u64().expect("a number")
}

#[tokio::test]
async fn a_frame_comes_at_once_and_none_while_only_time_passes() {
    let (server, _database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    laptop.beat().await;
    let mut resting = server.viewer_of_changes().await;
    let (text, _) = resting.frame().await.expect("a frame");
    assert_eq!(text.trim_end(), server.stranger().get("/api/stats").await.body.trim_end());
    let mut other = server.viewer().await;
    let mut ages = Vec::new();
    for _ in 0..4 {
        ages.push(other.stats().await["last_seen_relative"].clone());
    }
    assert_ne!(ages.first(), ages.last(), "no time has passed");
    assert!(resting.has_no_frame().await);
    laptop.beat().await;
    assert_eq!(beats_at_change(&mut resting).await, 2);
    assert_eq!(other.stats().await["total_beats"], 2);
    assert!(resting.has_no_frame().await);
}

#[tokio::test]
async fn all_that_the_stats_show_is_a_change() {
    let (server, database) = Server::fresh().await;
    let mut viewer = server.viewer_of_changes().await;
    viewer.stats().await;
    let laptop = server.device("Laptop").await;
    assert_eq!(viewer.stats().await["devices"][0]["name"], "Laptop");
    laptop.beat().await;
    assert_eq!(viewer.stats().await["total_beats"], 1);
    server.stranger().get("/").await;
    assert_eq!(viewer.stats().await["num_visits"], 1);
    database.execute("UPDATE heartbeat.devices SET name = 'Desk'").await;
    assert_eq!(viewer.stats().await["devices"][0]["name"], "Desk");
    database.execute("UPDATE heartbeat.stats SET longest_absence = interval '1000 s'").await;
    assert_eq!(viewer.stats().await["longest_absence"], 1_000);
}

#[tokio::test]
async fn however_many_beats_arrive_there_is_one_frame_a_second() {
    let (server, _database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    let mut viewer = server.viewer_of_changes().await;
    let (_, connected) = viewer.frame().await.expect("a frame");
    let beating = tokio::spawn(async move {
        loop {
            laptop.beat().await;
        }
    });
    let mut beats = vec![0];
    for _ in 0..3 {
        beats.push(beats_at_change(&mut viewer).await);
    }
    // A frame may be late, and the next one then comes sooner.
    assert!(connected.elapsed() > Duration::from_millis(2500), "{:?}", connected.elapsed());
    assert!(beats.is_sorted_by(|before, after| before < after), "{beats:?}");
    beating.abort();
}

#[tokio::test]
async fn a_beat_by_another_process_is_a_change() {
    let (server, database) = Server::fresh().await;
    let other = ServerBuilder::on(&database).start().await;
    let laptop = server.device("Laptop").await;
    let mut viewers = [other.viewer_of_changes().await, server.viewer_of_changes().await];
    for viewer in &mut viewers {
        viewer.stats().await;
    }
    for beats in 1..=2 {
        laptop.beat().await;
        for viewer in &mut viewers {
            assert_eq!(beats_at_change(viewer).await, beats);
        }
    }
}

#[tokio::test]
async fn a_viewer_that_comes_later_gets_its_frames_and_makes_none_for_others() {
    let (server, _database) = Server::fresh().await;
    let laptop = server.device("Laptop").await;
    let mut first = server.viewer_of_changes().await;
    first.stats().await;
    let mut second = server.viewer_of_changes().await;
    second.stats().await;
    let mut other = server.viewer().await;
    for _ in 0..3 {
        other.stats().await;
    }
    assert!(first.has_no_frame().await && second.has_no_frame().await);
    drop(other);
    laptop.beat().await;
    assert_eq!(beats_at_change(&mut first).await, 1);
    assert_eq!(beats_at_change(&mut second).await, 1);
    drop(first);
    laptop.beat().await;
    assert_eq!(beats_at_change(&mut second).await, 2);
}

/// Asks for an upgrade to a WebSocket.
async fn upgrade(server: &Server, query: &str) -> reqwest::Response {
    let request = http().build().expect("a client").get(format!("{}/api/stats/ws?{query}", server.url()));
    let upgrade = request.header("connection", "upgrade").header("upgrade", "websocket");
    let key =
        upgrade.header("sec-websocket-version", "13").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    key.send().await.expect("a response")
}

#[tokio::test]
async fn other_values_are_refused_and_other_parameters_ignored() {
    let (server, _database) = Server::fresh().await;
    let refusal = upgrade(&server, "frames=all").await;
    assert_eq!(refusal.status(), 400);
    insta::assert_snapshot!(refusal.text().await.expect("a body").trim_end(), @r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"The parameter \"frames\" is neither \"changes\" nor left out."}"#);
    for (query, status) in [
        ("frames=changes&frames=CHANGES", 400),
        ("frames=", 101),
        ("frames=x&frames=changes", 101),
        ("frame=x", 101),
    ] {
        assert_eq!(upgrade(&server, query).await.status(), status, "{query}");
    }
    // Without an upgrade, that is what the client has to be told.
    assert_eq!(server.stranger().get("/api/stats/ws?frames=all").await.status, 426);
}
