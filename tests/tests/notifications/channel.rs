//! Channels and events as the database has them, before a server starts and delivers at once.

use heartbeat_tests::{Database, ServerBuilder, eventually};
use serde_json::{Value, json};

/// URL of the server, as its configuration says.
pub(crate) const LIVE_URL: &str = "https://beat.example.org";

/// Returns a database with tables, and a server on it that has not started.
pub(crate) async fn prepared() -> (ServerBuilder, Database) {
    let database = Database::create().await;
    let builder = ServerBuilder::on(&database).environment("HEARTBEAT_LIVE_URL", LIVE_URL);
    let (code, output) = builder.clone().argument("migrate").run().await;
    assert_eq!(code, 0, "{output}");
    (builder.environment("HEARTBEAT_SERVER_NAME", "Anna's heartbeat"), database)
}

/// Adds a channel; returns its id.
pub(crate) async fn add(database: &Database, kind: &str, audience: &str, settings: &Value) -> i64 {
    let sql = format!(
        "INSERT INTO heartbeat.channels (name, kind, audience, settings) VALUES ('Anna', '{kind}', '{audience}', '{}')
         RETURNING id",
        quoted(settings)
    );
    database.number(&sql).await
}

/// Puts an event for a channel into the outbox.
pub(crate) async fn queue(database: &Database, channel: i64, kind: &str, payload: &Value) {
    let sql = format!(
        "INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload)
         VALUES ('channel:{channel}', '{kind}', now(), '{}')",
        quoted(payload)
    );
    database.execute(&sql).await;
}

/// Puts into the outbox that an alert fired.
pub(crate) async fn fire(database: &Database, channel: i64) {
    queue(database, channel, "alert.fired", &notice(&json!({}))).await;
}

/// An alert's payload, with further members.
pub(crate) fn notice(members: &Value) -> Value {
    let mut notice = json!({
        "firing": 7, "alert": 2, "name": "For Mum", "since": "2026-11-24T07:12:40Z",
        "public_since": "2026-11-24T07:00:00Z", "timezone": "Europe/Berlin",
    });
    let members = members.as_object().expect("members").clone();
    notice.as_object_mut().expect("a payload").extend(members);
    notice
}

/// Waits for channels that were denied once, and are to be tried again in seconds, and makes them such that were denied often.
pub(crate) async fn deny_often(database: &Database) {
    // The log tells of a denial before the database does.
    let once = "SELECT count(*) FROM heartbeat.dispatch_leases WHERE denials = 1";
    eventually("a denial", async || database.number(once).await > 0).await;
    let often = "UPDATE heartbeat.dispatch_leases SET denials = 2, due_at = '-infinity' WHERE denials = 1";
    database.execute(often).await;
}

/// Query for the number of events about alerts that wait for a channel.
pub(crate) fn waiting(channel: i64) -> String {
    format!(
        "SELECT count(*) FROM heartbeat.outbox
         WHERE dead_at IS NULL AND channel = 'channel:{channel}' AND kind LIKE 'alert.%'"
    )
}

/// Query for the number of channels that are disabled for a reason that contains `reason`.
pub(crate) fn disabled(channel: i64, reason: &str) -> String {
    format!(
        "SELECT count(*) FROM heartbeat.disabled_channels
         WHERE channel = 'channel:{channel}' AND reason LIKE '%{reason}%'"
    )
}

fn quoted(json: &Value) -> String {
    json.to_string().replace('\'', "''")
}
