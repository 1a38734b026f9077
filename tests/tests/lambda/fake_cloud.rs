//! A fake of AWS: the WebSockets of a local server stand in for those of API Gateway, and an endpoint records which
//! functions it is asked to invoke.

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::Path, http::StatusCode, routing::post};
use heartbeat_tests::{Database, Function, Server, ServerBuilder};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};

pub(crate) const CONNECT: &str = include_str!("../../events/ws_connect.json");
pub(crate) const DEFAULT: &str = include_str!("../../events/ws_default.json");
pub(crate) const DISCONNECT: &str = include_str!("../../events/ws_disconnect.json");

/// A running fake.
pub(crate) struct FakeCloud {
    pub(crate) server: Server,
    pub(crate) database: Database,
    environment: Vec<(String, String)>,
    /// Names of the functions that it is asked to invoke.
    pub(crate) invoked: mpsc::UnboundedReceiver<String>,
}

impl FakeCloud {
    pub(crate) async fn start() -> Self {
        let database = Database::create().await;
        let builder = ServerBuilder::on(&database).environment("HEARTBEAT_MANAGEMENT_BIND", "127.0.0.1:0");
        let mut server = builder.start().await;
        let line = server.wait_for("management calls").await;
        let (_, port) = line.split_once("port=").expect("a port");

        let (sender, invoked) = mpsc::unbounded_channel();
        let invoke = post(move |Path(name): Path<String>| async move {
            sender.send(name).expect("a running test");
            StatusCode::ACCEPTED
        });
        let lambda = serve(Router::new().route("/2015-03-31/functions/{name}/invocations", invoke)).await;
        let mut cloud = Self { server, database, environment: Vec::new(), invoked };
        cloud.set("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", &format!("http://127.0.0.1:{port}"));
        cloud.set("AWS_ENDPOINT_URL_LAMBDA", &lambda);
        cloud
    }

    /// Sets a variable of the functions that start from now on.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) async fn function(&self, name: &str) -> Function {
        self.function_with_timeout(name, Duration::from_mins(5)).await
    }

    pub(crate) async fn function_with_timeout(&self, name: &str, invocation_timeout: Duration) -> Function {
        let environment: Vec<_> =
            self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Function::start_with_timeout(name, &self.database, &environment, invocation_timeout).await
    }

    pub(crate) async fn connection_count(&self) -> i64 {
        self.database.number("SELECT count(*) FROM heartbeat.connections").await
    }

    /// Records a WebSocket that was opened a minute ago.
    pub(crate) async fn record_connection(&self, id: &str) {
        self.database
            .execute(&format!(
                "INSERT INTO heartbeat.connections (id, connected_at)
                 VALUES ('{id}', now() - interval '1 minute')"
            ))
            .await;
    }
}

/// Serves `routes` on a port of their own; returns the URL.
pub(crate) async fn serve(routes: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("a local address").port();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://127.0.0.1:{port}")
}

/// Invokes `$connect` for a viewer from an IP address; returns the status of the response.
pub(crate) async fn connect_from(ip: &str, connect: &Function, id: &str) -> u64 {
    let mut event: Value = serde_json::from_str(CONNECT).expect("an event");
    event["requestContext"]["identity"]["sourceIp"] = json!(ip);
    connect.websocket_event(&event.to_string(), id).await
}

/// Invokes `$default` with a message of a viewer; returns the status of the response.
pub(crate) async fn say(message: &str, default: &Function, id: &str) -> u64 {
    let mut event: Value = serde_json::from_str(DEFAULT).expect("an event");
    event["body"] = json!(message);
    default.websocket_event(&event.to_string(), id).await
}

/// Invokes a pusher in the background; the task ends with the pusher.
pub(crate) fn spawn_pusher(pusher: &Arc<Function>) -> JoinHandle<Result<Value, String>> {
    let pusher = Arc::clone(pusher);
    tokio::spawn(async move { pusher.invoke(json!({})).await })
}
