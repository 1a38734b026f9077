//! Connections to which posts hang: a fake of API Gateway never answers for them.

use std::{
    collections::HashMap,
    future::pending,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Router, extract::Path, routing::post};
use tokio::sync::mpsc;

use crate::fake_cloud::{FakeCloud, serve, spawn_pusher};

/// Far more than posts that may be in flight at the same time.
const HANGING: usize = 300;

/// Frames to the other viewer that the test waits for.
const FRAMES: usize = 10;

/// Frames after which the pusher knows to which connections posts hang.
const FRAMES_TO_LEARN: usize = 4;

/// Returns all posts, each with the id of its connection and when it arrived, up to that of the last frame to `sound`.
async fn posts_until_frames(
    posts: &mut mpsc::UnboundedReceiver<(String, Instant)>,
) -> Vec<(String, Instant)> {
    let (mut all, mut frames) = (Vec::new(), 0);
    while frames < FRAMES {
        let post = posts.recv().await.expect("a running fake");
        frames += usize::from(post.0 == "sound");
        all.push(post);
    }
    all
}

#[tokio::test]
async fn posts_that_hang_hold_up_no_other_viewer_and_take_turns() {
    let (sender, mut posts) = mpsc::unbounded_channel();
    let answer = post(move |Path(id): Path<String>| async move {
        let hangs = id.starts_with("hanging");
        // The test may have ended.
        let _ = sender.send((id, Instant::now()));
        if hangs {
            pending::<()>().await;
        }
    });
    let gateway = serve(Router::new().route("/@connections/{id}", answer)).await;
    let mut cloud = FakeCloud::start().await;
    cloud.set("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", &gateway);
    // The table has the other viewer last, behind all that hang.
    let hanging = format!(
        "INSERT INTO heartbeat.connections (id) SELECT 'hanging-' || number FROM generate_series(1, {HANGING}) AS number"
    );
    cloud.database.execute(&hanging).await;
    cloud.record_connection("sound").await;
    let pusher = Arc::new(cloud.function("pusher").await);
    let _running = spawn_pusher(&pusher);

    let posts = posts_until_frames(&mut posts).await;
    let sound: Vec<Instant> = posts.iter().filter(|(id, _)| id == "sound").map(|(_, at)| *at).collect();
    let gaps: Vec<Duration> = sound.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // The machine may delay the test, but not by this much.
    let late = gaps[FRAMES_TO_LEARN..].iter().filter(|gap| **gap > Duration::from_millis(1_700));
    assert_eq!(late.count(), 0, "{gaps:?}");
    let mut tries: HashMap<&str, usize> = HashMap::new();
    for (id, _) in &posts {
        *tries.entry(id).or_default() += 1;
    }
    assert_eq!(tries.len(), HANGING + 1);
    assert!(tries.values().all(|tries| *tries >= 2), "{tries:?}");
}
