//! Alerts that many processes evaluate, on one database: servers and a function, some of which are killed.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use heartbeat_tests::{Client, Database, Function, Server, ServerBuilder, eventually};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::webhook::Service;

/// The owner's channel is the first, a friend's the second.
const CHANNELS: [i64; 2] = [1, 2];

/// Time within which an alert tells what it has to.
const ON_TIME: Duration = Duration::from_secs(70);

/// An alert about the shortest absence, and its two channels.
struct Alert {
    database: Database,
    owner: Service,
    friend: Service,
    /// Types and ids of what the owner and the friend were sent.
    sent: [Vec<(String, String)>; 2],
}

impl Alert {
    async fn new(database: Database) -> Self {
        let (owner, friend) = (Service::start().await, Service::start().await);
        for (service, audience) in [(&owner, "owner"), (&friend, "friend")] {
            service.subscribe(&database, "").await;
            database
                .execute(&format!(
                    "UPDATE heartbeat.channels SET audience = '{audience}', confirmed_at = now()
                     WHERE id = (SELECT max(id) FROM heartbeat.channels)"
                ))
                .await;
        }
        database
            .execute(
                "INSERT INTO heartbeat.alerts (name, after_seconds, repeat_seconds, channels)
                 VALUES ('Ten minutes', 600, 3600, '{1,2}')",
            )
            .await;
        Self { database, owner, friend, sent: Default::default() }
    }

    /// Makes the last beat so old that the alert fires in two seconds.
    async fn age_beats(&self) {
        self.database
            .execute("UPDATE heartbeat.devices SET last_beat = now() - interval '598 seconds'")
            .await;
    }

    /// Makes the alert so old that it is repeated in two seconds.
    async fn age_firing(&self) {
        self.database
            .execute(
                "UPDATE heartbeat.alert_firings SET fired_at = now() - interval '3598 seconds';
                 UPDATE heartbeat.alert_notifications SET queued_at = queued_at - interval '3598 seconds'",
            )
            .await;
    }

    /// Waits until both channels were told so much, and nothing waits any more.
    async fn wait_for(&mut self, kind: &str, rows: i64) {
        let told = format!("SELECT count(*) FROM heartbeat.alert_notifications WHERE kind = '{kind}'");
        eventually(kind, async || self.database.number(&told).await >= rows).await;
        let waiting = "SELECT count(*) FROM heartbeat.outbox WHERE dead_at IS NULL";
        eventually("an empty outbox", async || self.database.number(waiting).await == 0).await;
        for (service, sent) in [(&mut self.owner, 0), (&mut self.friend, 1)] {
            for request in service.received() {
                self.sent[sent].push(request);
            }
        }
    }

    /// Asserts that each channel was told these kinds of events, each of them as one event.
    fn assert_told(&self, expected: &[&str]) {
        for sent in &self.sent {
            let mut ids = BTreeSet::new();
            let first = sent.iter().filter(|(_, id)| ids.insert(id.clone()));
            let kinds: Vec<&str> = first.map(|(kind, _)| kind.as_str()).collect();
            assert_eq!(kinds, expected);
        }
    }

    /// Asserts that nothing was sent twice.
    fn assert_sent_once(&self) {
        for sent in &self.sent {
            let ids: BTreeSet<&String> = sent.iter().map(|(_, id)| id).collect();
            assert_eq!(ids.len(), sent.len(), "{sent:?}");
        }
    }
}

/// Beats in three different minutes: those of the past are made up.
async fn come_back(database: &Database, device: &Client) {
    device.beat().await;
    let ended = "SELECT count(*) FROM heartbeat.alert_firings WHERE ended_at IS NOT NULL AND minutes > 0";
    eventually("the end", async || database.number(ended).await == 1).await;
    database
        .execute(
            "UPDATE heartbeat.alert_firings SET minutes = 2, last_minute = last_minute - interval '1 minute'",
        )
        .await;
    device.beat().await;
}

#[tokio::test]
async fn ten_servers_and_a_function_tell_of_an_alert_once_and_on_time() {
    let (server, database) = Server::fresh().await;
    let device = server.device("Laptop").await;
    let mut alert = Alert::new(database).await;
    let mut servers = vec![server];
    for _ in 1..10 {
        servers.push(ServerBuilder::on(&alert.database).start().await);
    }
    let function = Function::start("minutely", &alert.database, &[]).await;
    let invoke = async || function.invoke(json!({})).await.map(|result: Value| drop(result));
    device.beat().await;
    alert.age_beats().await;

    let due = Instant::now();
    invoke().await.expect("an evaluation");
    alert.wait_for("fired", 2).await;
    assert!(due.elapsed() < ON_TIME);
    alert.age_firing().await;
    invoke().await.expect("an evaluation");
    alert.wait_for("repeated", 2).await;
    come_back(&alert.database, &device).await;
    invoke().await.expect("an evaluation");
    alert.wait_for("resolved", 2).await;
    alert.assert_told(&["alert.fired", "alert.fired", "alert.resolved"]);
    alert.assert_sent_once();
    let firings = "SELECT count(*) FROM heartbeat.alert_firings WHERE resolved_at IS NOT NULL";
    eventually("nothing left to tell", async || alert.database.number(firings).await == 1).await;
    let rows = alert.database.number("SELECT count(*) FROM heartbeat.alert_notifications").await;
    assert_eq!(rows, i64::try_from(CHANNELS.len() * 3).expect("few"));
}

/// Starts servers and kills them, each at another moment of its first tick; then starts one that stays.
async fn kill_at_any_moment(database: &Database) -> Server {
    for delay in [0, 3, 6, 10, 15, 25, 40, 80] {
        let mut servers =
            [ServerBuilder::on(database).start().await, ServerBuilder::on(database).start().await];
        tokio::time::sleep(Duration::from_millis(delay)).await;
        for server in &mut servers {
            server.signal(Signal::KILL);
            server.ended().await;
        }
    }
    ServerBuilder::on(database).start().await
}

#[tokio::test]
async fn servers_that_are_killed_at_any_moment_tell_all_and_decide_it_once() {
    let (server, database) = Server::fresh().await;
    let owner = server.owner();
    let (_, token) = owner.register("Laptop").await;
    server.stranger().authorized(&token).beat().await;
    drop(server);
    let mut alert = Alert::new(database).await;
    alert.age_beats().await;
    let server = kill_at_any_moment(&alert.database).await;
    alert.wait_for("fired", 2).await;
    drop(server);
    alert.age_firing().await;
    let server = kill_at_any_moment(&alert.database).await;
    alert.wait_for("repeated", 2).await;
    come_back(&alert.database, &server.stranger().authorized(&token)).await;
    drop(server);
    let _server = kill_at_any_moment(&alert.database).await;
    alert.wait_for("resolved", 2).await;
    alert.assert_told(&["alert.fired", "alert.fired", "alert.resolved"]);
}
