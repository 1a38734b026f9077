//! The stream as API Gateway carries it: real functions, fed with events of a WebSocket API, posting
//! with the real SDK to the management calls of a local server, where real WebSockets are open.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Router, extract::Path, http::StatusCode, routing::post};
use heartbeat_tests::{Database, Function, Server, ServerBuilder, eventually};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};

const CONNECT: &str = include_str!("../../events/ws_connect.json");
const DEFAULT: &str = include_str!("../../events/ws_default.json");
const DISCONNECT: &str = include_str!("../../events/ws_disconnect.json");

/// What stands in for the cloud: the server's WebSockets for API Gateway's, and an endpoint that
/// takes note of the functions it is asked to start.
struct Cloud {
    server: Server,
    database: Database,
    environment: Vec<(String, String)>,
    started: mpsc::UnboundedReceiver<String>,
}

impl Cloud {
    async fn start() -> Self {
        let database = Database::create().await;
        let builder = ServerBuilder::on(&database).environment("HEARTBEAT_MANAGEMENT_BIND", "127.0.0.1:0");
        let mut server = builder.start().await;
        let line = server.wait_for("management calls").await;
        let (_, port) = line.split_once("port=").expect("a port");

        let lambda = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let lambda_port = lambda.local_addr().expect("its number").port();
        let (starts, started) = mpsc::unbounded_channel();
        let invoke = post(move |Path(name): Path<String>| async move {
            starts.send(name).expect("a test that listens");
            StatusCode::ACCEPTED
        });
        let routes = Router::new().route("/2015-03-31/functions/{name}/invocations", invoke);
        tokio::spawn(async move { axum::serve(lambda, routes).await });

        let environment = [
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned()),
            ("AWS_SESSION_TOKEN", "a session".to_owned()),
            ("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", format!("http://127.0.0.1:{port}")),
            ("AWS_ENDPOINT_URL_LAMBDA", format!("http://127.0.0.1:{lambda_port}")),
            ("PUSHER_FUNCTION", "the-pusher".to_owned()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Self { server, database, environment, started }
    }

    async fn function(&self, name: &str) -> Function {
        self.function_with_limit(name, Duration::from_mins(5)).await
    }

    async fn function_with_limit(&self, name: &str, limit: Duration) -> Function {
        let environment: Vec<_> =
            self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Function::start_with_limit(name, &self.database, &environment, limit).await
    }

    async fn connections(&self) -> i64 {
        self.database.number("SELECT count(*) FROM heartbeat.connections").await
    }

    /// Makes an open WebSocket known, as `$connect` does.
    async fn note(&self, id: &str) {
        self.database.execute(&format!("INSERT INTO heartbeat.connections (id) VALUES ('{id}')")).await;
    }
}

/// Invokes a pusher, which answers when it ends.
fn push(pusher: &Arc<Function>) -> JoinHandle<Result<Value, String>> {
    let pusher = Arc::clone(pusher);
    tokio::spawn(async move { pusher.invoke(json!({})).await })
}

#[tokio::test]
async fn a_connection_is_noted_and_forgotten_and_the_first_one_starts_the_pusher() {
    let mut cloud = Cloud::start().await;
    let (connect, disconnect) =
        (cloud.function("stream_connect").await, cloud.function("stream_disconnect").await);
    assert_eq!(connect.socket_event(CONNECT, "one").await, 200);
    assert_eq!(cloud.started.try_recv().as_deref(), Ok("the-pusher"));
    assert_eq!(cloud.connections().await, 1);

    cloud
        .database
        .execute("UPDATE heartbeat.pusher SET holder = 'somebody', expires_at = now() + interval '1 hour'")
        .await;
    assert_eq!(connect.socket_event(CONNECT, "two").await, 200);
    assert!(cloud.started.try_recv().is_err());

    for (id, left) in [("one", 1), ("nobody", 1), ("two", 0)] {
        assert_eq!(disconnect.socket_event(DISCONNECT, id).await, 200);
        assert_eq!(cloud.connections().await, left);
    }
}

#[tokio::test]
async fn without_a_database_nobody_is_let_in() {
    let cloud = Cloud::start().await;
    let nowhere = Cloud { database: Database::reserve(), ..cloud };
    assert_eq!(nowhere.function("stream_connect").await.socket_event(CONNECT, "one").await, 503);
}

#[tokio::test]
async fn a_hello_is_answered_at_once_with_the_figures() {
    let mut cloud = Cloud::start().await;
    cloud.server.device("Laptop").await.beat().await;
    let hello = cloud.function("stream_default").await;
    let mut viewer = cloud.server.viewer().await;
    assert_eq!(hello.socket_event(DEFAULT, &viewer.id).await, 200);
    assert_eq!(viewer.stats().await["total_beats"], 1);
    assert_eq!(cloud.started.try_recv().as_deref(), Ok("the-pusher"));
}

#[tokio::test]
async fn the_pusher_sends_a_frame_a_second_until_nobody_watches() {
    let cloud = Cloud::start().await;
    let laptop = cloud.server.device("Laptop").await;
    let mut viewers = [cloud.server.viewer().await, cloud.server.viewer().await];
    for viewer in &viewers {
        cloud.note(&viewer.id).await;
    }
    let pusher = Arc::new(cloud.function("pusher").await);
    let ended = push(&pusher);
    let mut came = Vec::new();
    for _ in 0..4 {
        laptop.beat().await;
        let mut frames = Vec::new();
        for viewer in &mut viewers {
            frames.push(viewer.frame().await.expect("a frame"));
        }
        assert_eq!(frames[0].0, frames[1].0);
        came.push(frames[0].1);
    }
    // The machine may be slow to run us, but not by this much.
    let span = came[3] - came[0];
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
async fn a_connection_that_is_gone_is_forgotten_with_the_next_frame() {
    let cloud = Cloud::start().await;
    let mut viewer = cloud.server.viewer().await;
    cloud.note(&viewer.id).await;
    cloud.note("long-gone").await;
    let pusher = Arc::new(cloud.function("pusher").await);
    let ended = push(&pusher);
    viewer.frame().await.expect("a frame");
    viewer.frame().await.expect("a frame");
    assert_eq!(cloud.connections().await, 1);
    drop(viewer);
    assert_eq!(ended.await.expect("an end"), Ok(json!({ "ended": "NoViewers" })));
    assert_eq!(cloud.connections().await, 0);
}

#[tokio::test]
async fn of_two_pushers_one_sends_and_the_other_ends() {
    let cloud = Cloud::start().await;
    let mut viewer = cloud.server.viewer().await;
    cloud.note(&viewer.id).await;
    let pushers = [Arc::new(cloud.function("pusher").await), Arc::new(cloud.function("pusher").await)];
    let first = push(&pushers[0]);
    viewer.frame().await.expect("a frame");
    assert_eq!(push(&pushers[1]).await.expect("an end"), Ok(json!({ "ended": "LeaseHeld" })));
    let mut came = Vec::new();
    for _ in 0..4 {
        came.push(viewer.frame().await.expect("a frame").1);
    }
    // Two that send would send twice as often.
    assert!(came[3] - came[0] > Duration::from_millis(2500), "{came:?}");
    assert!(!first.is_finished());
}

#[tokio::test]
async fn a_pusher_that_was_frozen_past_its_lease_does_not_send_beside_its_successor() {
    let cloud = Cloud::start().await;
    let mut viewer = cloud.server.viewer().await;
    cloud.note(&viewer.id).await;
    let pushers = [Arc::new(cloud.function("pusher").await), Arc::new(cloud.function("pusher").await)];
    let first = push(&pushers[0]);
    viewer.frame().await.expect("a frame");
    pushers[0].freeze();
    let expired = "SELECT count(*) FROM heartbeat.pusher WHERE expires_at <= now()";
    eventually("a lease that has run out", async || cloud.database.number(expired).await == 1).await;
    let second = push(&pushers[1]);
    let led = "SELECT count(*) FROM heartbeat.pusher WHERE expires_at > now()";
    eventually("a new lease", async || cloud.database.number(led).await == 1).await;
    pushers[0].thaw();
    assert_eq!(first.await.expect("an end"), Ok(json!({ "ended": "LeaseHeld" })));
    assert!(!second.is_finished());
    viewer.frame().await.expect("a frame");
}

#[tokio::test]
async fn a_pusher_that_was_killed_is_replaced_within_five_seconds() {
    let mut cloud = Cloud::start().await;
    let mut viewer = cloud.server.viewer().await;
    cloud.note(&viewer.id).await;
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
    // What the page does: it says hello when it has heard nothing for more than a second or two.
    eventually("a new pusher", async || {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(hello.socket_event(DEFAULT, &viewer.id).await, 200);
        viewer.frame().await.expect("the answer to the hello");
        cloud.started.try_recv().is_ok()
    })
    .await;
    let _running = push(&successor);
    viewer.frame().await.expect("a frame");
    assert!(killed_at.elapsed() < Duration::from_secs(5), "{:?}", killed_at.elapsed());
}

#[tokio::test]
async fn before_its_time_is_up_a_pusher_hands_over() {
    let mut cloud = Cloud::start().await;
    let mut viewer = cloud.server.viewer().await;
    cloud.note(&viewer.id).await;
    let pusher = Arc::new(cloud.function_with_limit("pusher", Duration::from_secs(7)).await);
    let started = Instant::now();
    let ended = push(&pusher);
    viewer.frame().await.expect("a frame");
    assert_eq!(ended.await.expect("an end"), Ok(json!({ "ended": "TimedOut" })));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(cloud.started.recv().await.as_deref(), Some("the-pusher"));
    // Its successor need not wait for the lease to run out.
    let successor = Arc::new(cloud.function("pusher").await);
    let _running = push(&successor);
    viewer.frame().await.expect("a frame");
    assert_eq!(cloud.connections().await, 1);
}
