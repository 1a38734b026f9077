//! Dumps of alerts, the channels that they tell, and what they told.

use heartbeat_tests::{Database, Server, ServerBuilder, eventually};
use serde_json::Value;

use crate::export::{export, import};

const TABLES: [&str; 8] = [
    "channels",
    "disabled_channels",
    "alerts",
    "alert_firings",
    "device_notices",
    "outages",
    "snoozes",
    "alert_evaluation",
];

/// All rows of a table, as text.
async fn rows(database: &Database, table: &str) -> String {
    database
        .text(&format!(
            "SELECT COALESCE(string_agg(found::text, E'\\n' ORDER BY found::text), '') FROM heartbeat.{table} AS found"
        ))
        .await
}

/// A database with a device, channels, alerts that fired, and a past.
async fn database() -> Database {
    let (server, database) = Server::fresh().await;
    server.device("Laptop").await;
    drop(server);
    database
        .execute(
            r#"INSERT INTO heartbeat.beats SELECT 0, now() - number * interval '1 hour' FROM generate_series(1, 50) AS number;
            UPDATE heartbeat.devices SET num_beats = 50, last_beat = now() - interval '1 hour';
            INSERT INTO heartbeat.channels (name, kind, audience, settings, events, confirmed_at, start_code) VALUES
                ('Mine', 'webhook', 'owner', '{"url": "https://example.com/hook"}', '{device.added}', NULL, NULL),
                ('Gone', 'mail', 'owner', '{"to": "gone@example.com"}', '{}', NULL, NULL),
                ('Sister''s', 'mail', 'friend', '{"to": "sister@example.com"}', '{}', now(), NULL),
                ('Brother''s', 'telegram', 'friend', '{"bot_token": "1:x"}', '{}', NULL, 'CODE');
            DELETE FROM heartbeat.channels WHERE id = 2;
            INSERT INTO heartbeat.disabled_channels (channel, settings_hash, reason)
            VALUES ('channel:3', sha256('x'), 'status 410');
            INSERT INTO heartbeat.alerts (name, after_seconds, device, channels, repeat_seconds, rest, quiet, message, enabled)
            VALUES ('First', 86400, 0, '{1,3}', 43200, '23:00-07:00', '22:00-08:00', E'Two\nlines', true),
                ('Unusual', NULL, NULL, '{0,4}', NULL, NULL, NULL, NULL, false);
            INSERT INTO heartbeat.alert_firings (alert, name, device, since, fired_at, ended_at, ended_by, minutes, last_minute, resolved_at)
            VALUES (1, 'First', 0, now() - interval '9 days', now() - interval '8 days', now() - interval '7 days', 'beat', 3, now() - interval '7 days', now() - interval '7 days');
            INSERT INTO heartbeat.alert_firings (alert, name, since, repetitions, repeated_at, reached_at, reached_by)
            VALUES (7, 'Deleted', now() - interval '2 days', 1, now() - interval '1 hour', now(), 3);
            INSERT INTO heartbeat.alert_notifications (firing, channel, kind, repetition, earlier, event, queued_at, sent_at, withdrawn_at) VALUES
                (1, 3, 'repeated', 9, 8, 16, now() - interval '8 days', now() - interval '8 days', NULL),
                (1, 1, 'fired', 0, 0, 17, now() - interval '8 days', now() - interval '8 days', NULL),
                (1, 1, 'resolved', 0, 0, 18, now() - interval '7 days', NULL, now() - interval '7 days'),
                (2, 3, 'fired', 0, 0, 19, now() - interval '1 days', now() - interval '1 days', NULL),
                (2, 3, 'repeated', 1, 0, 20, now() - interval '1 hour', NULL, NULL);
            INSERT INTO heartbeat.device_notices VALUES (0, 'device.suspicious', now() - interval '3 days');
            INSERT INTO heartbeat.outages VALUES (now() - interval '3 days', now() - interval '2 days');
            INSERT INTO heartbeat.snoozes VALUES
                (now() - interval '3 days', now() - interval '2 days'), (now() - interval '1 hour', now() + interval '9 days');
            UPDATE heartbeat.alert_evaluation SET evaluated_at = now() - interval '1 minute'"#,
        )
        .await;
    database
}

#[tokio::test]
async fn alerts_channels_and_what_they_told_survive_an_export_and_an_import() {
    let database = database().await;
    let (text, copy) = (export(&database).await, Database::create().await);
    let (code, output) = import(&copy, &text).await;
    assert_eq!(code, Some(0), "{output}");
    assert_eq!(export(&copy).await, text);
    // The chats of bots are looked for anew, from the import on.
    let anew = "SELECT count(*) FROM heartbeat.channels WHERE start_code_at > now() - interval '1 minute'";
    assert_eq!(copy.number(anew).await, 3);
    for database in [&database, &copy] {
        database.execute("UPDATE heartbeat.channels SET start_code_at = created_at").await;
    }
    for table in TABLES {
        assert_eq!(rows(&copy, table).await, rows(&database, table).await, "{table}");
    }
    // What waited in the outbox, which is not in the dump, was not told.
    let told = "SELECT string_agg(firing || ' ' || channel || ' ' || kind, ', ' ORDER BY firing, kind)
        FROM heartbeat.alert_notifications";
    assert_eq!(copy.text(told).await, "1 1 fired, 1 3 repeated, 1 1 resolved, 2 3 fired");
    // Ids are given to no other, those of deleted alerts that told something included.
    copy.execute(
        "INSERT INTO heartbeat.channels (name, kind, settings) VALUES ('New', 'webhook', '{}');
         INSERT INTO heartbeat.alerts (name) VALUES ('New');
         INSERT INTO heartbeat.alert_firings (alert, name, since) VALUES (8, 'New', now())",
    )
    .await;
    for (table, id) in [("channels", 5), ("alerts", 8), ("alert_firings", 3)] {
        assert_eq!(copy.number(&format!("SELECT max(id) FROM heartbeat.{table}")).await, id, "{table}");
    }
}

#[tokio::test]
async fn beats_are_rolled_up_again_where_they_are_imported() {
    let database = database().await;
    let (text, copy) = (export(&database).await, Database::create().await);
    // A server has looked at the empty database.
    let mut server = ServerBuilder::on(&copy).start().await;
    let rolled_up = async || {
        copy.number("SELECT count(*) FROM heartbeat.roll_up WHERE rolled_until > '-infinity'").await == 1
    };
    eventually("no beats are rolled up", rolled_up).await;
    assert!(server.stop().await.success());
    let (code, output) = import(&copy, &text).await;
    assert_eq!(code, Some(0), "{output}");
    assert_eq!(
        copy.number("SELECT count(*) FROM heartbeat.roll_up WHERE rolled_until = '-infinity'").await,
        1
    );
    let _server = ServerBuilder::on(&copy).start().await;
    eventually("beats are rolled up", rolled_up).await;
    assert_eq!(copy.number("SELECT count(*) FROM heartbeat.device_absences").await, 49);
}

#[tokio::test]
async fn alerts_that_the_api_would_refuse_are_refused_with_their_line() {
    let text = export(&database().await).await;
    let refuses = async |kind: &str, member: &str, value: Value, expected: &str| {
        let lines = text.lines().map(|line| {
            let mut object: Value = serde_json::from_str(line).expect("JSON");
            if object["type"] == kind {
                object[member] = value.clone();
            }
            object.to_string() + "\n"
        });
        let (code, output) = import(&Database::create().await, &lines.collect::<String>()).await;
        assert_eq!(code, Some(1), "{kind} {member}: {output}");
        assert!(output.contains("line ") && output.contains(expected), "{kind} {member}: {output}");
    };
    refuses("channel", "id", 0.into(), "channel id 0").await;
    refuses("channel", "audience", "strangers".into(), "audience: expected owner or friend").await;
    refuses("channel", "settings", "text".into(), "settings: expected an object").await;
    refuses("alert", "after_seconds", 599.into(), "alerts_after_is_long").await;
    refuses("alert", "name", "a\nb".into(), "name").await;
    refuses("alert", "rest", "always".into(), "window: expected").await;
    refuses("alert", "device", 77.into(), "alerts_device_fkey").await;
    refuses("firing", "since", "2126-01-01T00:00:00Z".into(), "since 2126").await;
    refuses("notification", "kind", "shouted".into(), "alert_notifications_kind_is_known").await;
    refuses("outage", "ended_at", "2126-01-01T00:00:00Z".into(), "ended_at 2126").await;
}

#[tokio::test]
async fn nothing_is_imported_beside_channels() {
    let (server, copy) = Server::fresh().await;
    drop(server);
    copy.execute("INSERT INTO heartbeat.channels (name, kind, settings) VALUES ('Mine', 'webhook', '{}')")
        .await;
    let (code, output) = import(&copy, &export(&database().await).await).await;
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("channels or alerts already"), "{output}");
}
