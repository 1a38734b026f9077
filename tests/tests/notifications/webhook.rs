//! Channels in the database, with webhooks as the example: signed as Standard Webhooks specifies, beside the channel
//! that the configuration owns.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use heartbeat_tests::{
    Database, Function, Server, ServerBuilder, eventually,
    fake_discord::{Behavior, FakeDiscord},
    server::SECRET_KEY,
};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::{net::TcpListener, sync::mpsc, time::timeout};

pub(crate) const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Timeout of a request to the webhook.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);

const PENDING: &str = "SELECT count(*) FROM heartbeat.outbox WHERE dead_at IS NULL";

/// Request to the webhook.
#[derive(Debug)]
pub(crate) struct Request {
    headers: HeaderMap,
    body: Bytes,
}

/// HTTP server that receives webhooks, and responds with a status that can be changed.
pub(crate) struct Service {
    url: String,
    requests: mpsc::UnboundedReceiver<Request>,
    status: Arc<Mutex<StatusCode>>,
}

impl Service {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("a local address").port();
        let status = Arc::new(Mutex::new(StatusCode::OK));
        let (sender, requests) = mpsc::unbounded_channel();
        let current_status = Arc::clone(&status);
        let receive = post(move |State(()): State<()>, headers: HeaderMap, body: Bytes| async move {
            // The test may have ended.
            let _ = sender.send(Request { headers, body });
            *current_status.lock().expect("the mutex is not poisoned")
        });
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/hook", receive)).await });
        Self { url: format!("http://127.0.0.1:{port}/hook"), requests, status }
    }

    fn respond_with(&self, status: StatusCode) {
        *self.status.lock().expect("the mutex is not poisoned") = status;
    }

    pub(crate) async fn next(&mut self) -> Request {
        timeout(TEST_TIMEOUT, self.requests.recv()).await.expect("a request in time").expect("a service")
    }

    /// Returns the types and ids of all events that it received and that were not looked at, in their order.
    pub(crate) fn received(&mut self) -> Vec<(String, String)> {
        let requests = std::iter::from_fn(|| self.requests.try_recv().ok());
        let event = |request: Request| {
            let body: Value = serde_json::from_slice(&request.body).expect("JSON");
            let id = request.headers["webhook-id"].to_str().expect("an id").to_owned();
            (body["type"].as_str().expect("a type").to_owned(), id)
        };
        requests.map(event).collect()
    }

    /// Makes it a channel that subscribes to these kinds of events.
    pub(crate) async fn subscribe(&self, database: &Database, kinds: &str) {
        let settings = json!({ "url": self.url, "secret": format!("whsec_{SECRET}") });
        database
            .execute(&format!(
                "INSERT INTO heartbeat.channels (name, kind, settings, events)
                 VALUES ('Anna', 'webhook', '{settings}', '{{{kinds}}}')"
            ))
            .await;
    }
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).expect(name)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// Asserts that the signature is valid, as the service behind a webhook would.
    fn assert_signed(&self) {
        let secret = BASE64_STANDARD.decode(SECRET).expect("base64");
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret).expect("a key");
        mac.update(format!("{}.{}.", self.header("webhook-id"), self.header("webhook-timestamp")).as_bytes());
        mac.update(&self.body);
        let expected = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(self.header("webhook-signature"), expected);
    }
}

#[tokio::test]
async fn a_webhook_gets_the_events_it_subscribed_to_signed_and_in_order() {
    let (server, database) = Server::fresh().await;
    let mut service = Service::start().await;
    service.subscribe(&database, "device.added,beat").await;
    let laptop = server.device("Laptop").await;
    laptop.beat().await;
    laptop.beat().await;
    let mut kinds = Vec::new();
    for _ in 0..3 {
        let request = service.next().await;
        request.assert_signed();
        assert_eq!(request.json()["data"]["device"], json!({ "id": 0, "name": "Laptop" }));
        kinds.push(request.json()["type"].as_str().expect("a kind").to_owned());
    }
    assert_eq!(kinds, ["device.added", "beat", "beat"]);
    eventually("an empty outbox", async || database.number(PENDING).await == 0).await;
}

#[tokio::test]
async fn a_retry_has_the_same_id_and_a_receiver_that_unsubscribed_gets_nothing_until_it_is_enabled() {
    let (mut server, database) = Server::fresh().await;
    let mut service = Service::start().await;
    service.subscribe(&database, "device.added").await;
    // What a proxy answers while the receiver restarts.
    service.respond_with(StatusCode::NOT_FOUND);
    server.device("Laptop").await;
    let first = service.next().await;
    service.respond_with(StatusCode::GONE);
    let second = service.next().await;
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    assert_eq!(first.body, second.body);
    second.assert_signed();
    let line = server.wait_for("channel disabled").await;
    assert!(line.contains("channel=channel:1 reason=status 410"), "{line}");
    assert_eq!(database.number(PENDING).await, 1);
    assert!(!server.log().contains(SECRET) && !server.log().contains(&service.url), "{}", server.log());

    service.respond_with(StatusCode::OK);
    database.execute("DELETE FROM heartbeat.disabled_channels WHERE channel = 'channel:1'").await;
    server.device("Phone").await;
    assert_eq!(service.next().await.header("webhook-id"), first.header("webhook-id"));
    assert_eq!(service.next().await.json()["data"]["device"]["name"], "Phone");
}

#[tokio::test]
async fn new_settings_enable_a_channel() {
    let (mut server, database) = Server::fresh().await;
    let mut service = Service::start().await;
    service.subscribe(&database, "device.added").await;
    service.respond_with(StatusCode::GONE);
    server.device("Laptop").await;
    server.wait_for("channel disabled").await;
    service.next().await;
    service.respond_with(StatusCode::OK);
    database
        .execute(&format!(
            "UPDATE heartbeat.channels SET settings = settings || '{{\"url\": \"{}?new\"}}'",
            service.url
        ))
        .await;
    server.device("Phone").await;
    for name in ["Laptop", "Phone"] {
        assert_eq!(service.next().await.json()["data"]["device"]["name"], name);
    }
}

#[tokio::test]
async fn a_channel_that_is_down_holds_up_no_other() {
    let (database, mut discord) = (Database::create().await, FakeDiscord::start(Behavior::Accepts).await);
    let server = ServerBuilder::on(&database)
        .environment("HEARTBEAT_WEBHOOK_URL", &discord.url)
        .environment("HEARTBEAT_WEBHOOK_LEVEL", "new_devices")
        .start()
        .await;
    let mut service = Service::start().await;
    service.subscribe(&database, "device.added").await;
    service.respond_with(StatusCode::SERVICE_UNAVAILABLE);
    for name in ["one", "two", "three"] {
        server.device(name).await;
        let (_, message) = discord.message().await;
        assert!(message.to_string().contains(name), "{message}");
    }
    // The webhook is still retrying its first event.
    let expected = service.next().await.json();
    service.respond_with(StatusCode::OK);
    for name in ["one", "two", "three"] {
        loop {
            let request = service.next().await.json();
            if request["data"]["device"]["name"] == name {
                break;
            }
            assert_eq!(request, expected, "retries of the first come first");
        }
    }
}

#[tokio::test]
async fn kinds_of_events_and_channels_of_a_newer_program_are_left_to_it() {
    let (server, database) = Server::fresh().await;
    let mut service = Service::start().await;
    service.subscribe(&database, "device.added").await;
    database
        .execute(
            "INSERT INTO heartbeat.channels (name, kind, settings, events)
             VALUES ('Pigeons', 'pigeon', '{}', '{device.added}');
             INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload)
             VALUES ('channel:1', 'alert.snoozed', now(), '{}')",
        )
        .await;
    server.device("Laptop").await;
    assert_eq!(service.next().await.json()["type"], "device.added");
    let waiting = "SELECT count(*) FROM heartbeat.outbox WHERE dead_at IS NULL AND channel = 'channel:1'";
    eventually("its own event delivered", async || database.number(waiting).await == 1).await;
    let left = "SELECT count(*) FROM heartbeat.outbox
                WHERE kind = 'alert.snoozed' OR channel = 'channel:2' AND kind = 'device.added'";
    assert_eq!(database.number(left).await, 2);
    assert!(service.requests.try_recv().is_err());
}

#[tokio::test]
async fn functions_that_record_events_need_no_secrets_of_channels() {
    let database = Database::create().await;
    // Sets the tables up.
    Function::start("migrator", &database, &[]).await.invoke(json!({})).await.expect("tables");
    let mut service = Service::start().await;
    let owner_function = Function::start("owner", &database, &[]).await;
    let beat = Function::start("beat", &database, &[]).await;
    // Runs whether or not the configuration names a channel. On Lambda no channel may point to this machine: the name
    // is one that its proxy knows.
    let proxy = service.url.replace("/hook", "");
    let minutely = Function::start("minutely", &database, &[("HTTP_PROXY", &proxy)]).await;
    service.url = "http://hook.example/hook".to_owned();
    service.subscribe(&database, "device.added,beat").await;
    let response = owner_function
        .request(&Method::POST, "/api/devices", Some(SECRET_KEY), br#"{"name": "Laptop"}"#)
        .await;
    let token = response.json()["token"].as_str().expect("a token").to_owned();
    assert_eq!(beat.request(&Method::POST, "/api/beat", Some(&token), b"").await.status, 200);
    assert_eq!(database.number(PENDING).await, 2);
    minutely.invoke(json!({})).await.expect("an end");
    assert_eq!(service.next().await.json()["type"], "device.added");
    assert_eq!(service.next().await.json()["type"], "beat");
    assert_eq!(database.number(PENDING).await, 0);
}
