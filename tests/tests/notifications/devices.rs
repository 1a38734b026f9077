//! Notifications about devices whose beats tell less than they seem to, and about paired ones.

use heartbeat_tests::{Database, Server, ServerBuilder, eventually};
use serde_json::json;

/// Subscribes a channel that nothing is sent to, so that events wait in the outbox.
async fn subscribe(database: &Database) {
    database
        .execute(
            "INSERT INTO heartbeat.channels (name, kind, settings, events)
             VALUES ('Nobody', 'of another release', '{}', '{device.suspicious,device.quiet,device.paired}')",
        )
        .await;
}

/// Events about a device in the outbox.
async fn events(database: &Database, device: i64, kind: &str) -> i64 {
    let query = format!(
        "SELECT count(*) FROM heartbeat.outbox WHERE kind = '{kind}' AND payload @> '{{\"device\": {device}}}'"
    );
    database.number(&query).await
}

/// Beats of a device each ten minutes, from one number of hours ago to another.
async fn beat(database: &Database, device: i64, from: i64, to: i64) {
    database
        .execute(&format!(
            "INSERT INTO heartbeat.beats SELECT {device}, time_stamp FROM generate_series(
                 now() - interval '{from} hours', now() - interval '{to} hours' - interval '2 minutes',
                 interval '9 minutes'
             ) AS time_stamp;
             UPDATE heartbeat.devices SET last_beat = (SELECT max(time_stamp) FROM heartbeat.beats WHERE device = id)"
        ))
        .await;
}

/// Waits until a server has looked at all beats and all devices.
async fn looked_at(database: &Database) {
    let server = ServerBuilder::on(database).start().await;
    // The last one to be looked at is always quiet.
    database
        .execute(
            "DELETE FROM heartbeat.device_notices WHERE device = 4;
             UPDATE heartbeat.roll_up SET rolled_until = '-infinity'",
        )
        .await;
    eventually("all beats are read", async || {
        database
            .number(
                "SELECT count(*) FROM heartbeat.roll_up WHERE rolled_until > now() - interval '2 minutes'",
            )
            .await
            == 1
    })
    .await;
    database.execute("DELETE FROM heartbeat.device_notices WHERE device = 4").await;
    eventually("devices are looked at", async || {
        database.number("SELECT count(*) FROM heartbeat.device_notices WHERE device = 4").await == 1
    })
    .await;
    drop(server);
}

async fn devices() -> Database {
    let (server, database) = Server::fresh().await;
    for name in ["Server", "Laptop", "Sensor", "Phone", "Drawer"] {
        server.device(name).await;
    }
    drop(server);
    database.execute("UPDATE heartbeat.devices SET sign_of_life = false WHERE id = 2").await;
    subscribe(&database).await;
    beat(&database, 4, 24 * 9, 24 * 9 - 1).await;
    database
}

#[tokio::test]
async fn a_device_that_never_pauses_is_told_of_once_until_it_has_paused() {
    let database = devices().await;
    beat(&database, 0, 21, 0).await;
    beat(&database, 1, 19, 0).await;
    beat(&database, 2, 21, 0).await;
    beat(&database, 3, 30, 12).await;
    beat(&database, 3, 11, 0).await;
    for _ in 0..2 {
        looked_at(&database).await;
        assert_eq!(events(&database, 0, "device.suspicious").await, 1);
    }
    for device in 1..=4 {
        assert_eq!(events(&database, device, "device.suspicious").await, 0, "{device}");
    }
    // It pauses, and goes on for as long again.
    database
        .execute("UPDATE heartbeat.beats SET time_stamp = time_stamp - interval '22 hours' WHERE device = 0")
        .await;
    beat(&database, 0, 21, 0).await;
    looked_at(&database).await;
    assert_eq!(events(&database, 0, "device.suspicious").await, 2);
}

#[tokio::test]
async fn a_device_that_is_a_week_behind_the_others_is_told_of_once_until_it_has_beaten() {
    let database = devices().await;
    beat(&database, 0, 24 * 9, 24 * 8).await;
    beat(&database, 1, 24 * 9, 24 * 8).await;
    beat(&database, 2, 3, 1).await;
    beat(&database, 3, 24 * 6, 24 * 5).await;
    database.execute("UPDATE heartbeat.devices SET archived_at = now() WHERE id = 1").await;
    for _ in 0..2 {
        looked_at(&database).await;
        let told = [0, 1, 2, 3].map(|device| events(&database, device, "device.quiet"));
        assert_eq!(futures_util::future::join_all(told).await, [1, 0, 0, 0]);
    }
    beat(&database, 0, 24 * 8, 24 * 8 - 1).await;
    looked_at(&database).await;
    assert_eq!(events(&database, 0, "device.quiet").await, 2);
}

#[tokio::test]
async fn what_no_channel_wants_to_know_is_told_to_the_first_that_does() {
    let database = devices().await;
    beat(&database, 0, 21, 0).await;
    database
        .execute(
            "UPDATE heartbeat.channels SET events = '{device.suspicious}';
             UPDATE heartbeat.roll_up SET rolled_until = '-infinity'",
        )
        .await;
    let server = ServerBuilder::on(&database).start().await;
    eventually("devices are looked at", async || events(&database, 0, "device.suspicious").await == 1).await;
    let quiet = "SELECT count(*) FROM heartbeat.device_notices WHERE kind = 'device.quiet'";
    assert_eq!(database.number(quiet).await, 0);
    database.execute("UPDATE heartbeat.channels SET events = '{device.quiet}'").await;
    eventually("the owner is told", async || events(&database, 4, "device.quiet").await == 1).await;
    drop(server);
}

#[tokio::test]
async fn a_channel_that_wants_alerts_gets_those_that_name_no_channel() {
    let (server, database) = Server::fresh().await;
    let (id, token) = server.owner().register("Phone").await;
    server.stranger().authorized(&token).beat().await;
    database
        .execute(&format!(
            "UPDATE heartbeat.devices SET last_beat = now() - interval '20 minutes' WHERE id = {id};
             INSERT INTO heartbeat.channels (name, kind, settings, events) VALUES
                 ('Log', 'of another release', '{{}}', '{{alert.resolved}}'), ('Other', 'of another release', '{{}}', '{{}}');
             INSERT INTO heartbeat.alerts (name, after_seconds) VALUES ('Ten minutes', 600)"
        ))
        .await;
    let told = "SELECT string_agg(channel || ' ' || kind, ', ' ORDER BY id) FROM heartbeat.outbox";
    eventually("it fires", async || database.number("SELECT count(*) FROM heartbeat.outbox").await > 0).await;
    assert_eq!(database.text(told).await, "channel:1 alert.fired");
    let alert = server.owner().get("/api/alerts/1").await.json();
    assert_eq!((&alert["state"], &alert["channels"]), (&json!("firing"), &json!([])), "{alert}");
    // Taken back, as no attempt was made to send it.
    server.stranger().authorized(&token).beat().await;
    eventually("it ends", async || database.number("SELECT count(*) FROM heartbeat.outbox").await == 0).await;
}

#[tokio::test]
async fn a_device_is_told_to_be_paired_by_the_first_beat_with_its_new_token() {
    let (server, database) = Server::fresh().await;
    let (id, _) = server.owner().register("Phone").await;
    subscribe(&database).await;
    let code = server.owner().pairing_code(id).await;
    let token = server.stranger().pair(&code).await;
    assert_eq!(events(&database, id, "device.paired").await, 0);
    let phone = server.stranger().authorized(&token);
    phone.beat().await;
    phone.beat().await;
    assert_eq!(events(&database, id, "device.paired").await, 1);
}
