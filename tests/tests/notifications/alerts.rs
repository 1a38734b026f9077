//! Events about alerts on their way: what is withdrawn, what cannot be sent and who is told of that, and what friends learn.

use std::time::Duration;

use heartbeat_tests::{
    BadDay, Database, Server, ServerBuilder, eventually,
    fake_discord::{Behavior, FakeDiscord},
    fake_ntfy,
};
use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    discord::{WAITING, outbox_is_empty},
    webhook::Service,
};

const FAILING: &str = "SELECT count(*) FROM heartbeat.outbox WHERE kind = 'channel.failing'";
const SENT: &str = "SELECT count(*) FROM heartbeat.alert_notifications WHERE sent_at IS NOT NULL";

/// A server with the setting `precision`, a Discord channel of the owner's (1), and one of a friend's (2).
async fn start(precision: &str, friends: Behavior) -> (Server, Database, FakeDiscord, FakeDiscord) {
    let (database, owners) = (Database::create().await, FakeDiscord::start(Behavior::Accepts).await);
    let friends = FakeDiscord::start(friends).await;
    let server = ServerBuilder::on(&database).environment("HEARTBEAT_PRECISION", precision).start().await;
    // Firings are made up here. An evaluation, which needs this row, would end them: no device is silent.
    database.execute("DELETE FROM heartbeat.alert_evaluation").await;
    for (name, audience, url) in [("Me", "owner", &owners.url), ("Ben", "friend", &friends.url)] {
        let settings = json!({ "url": url });
        let channel = format!(
            "INSERT INTO heartbeat.channels (name, kind, settings, audience, events, confirmed_at)
             VALUES ('{name}', 'discord', '{settings}', '{audience}', '{{beat,absence.ended}}', now())"
        );
        database.execute(&channel).await;
    }
    (server, database, owners, friends)
}

/// Lets the alert "For Ben" fire `hours` ago, and puts its event `kind` for the friend's channel into the outbox, written
/// `minutes` ago. `told` is the kind of notification that it is.
async fn fire(database: &Database, kind: &str, told: &str, minutes: i32) {
    database
        .execute(&format!(
            "INSERT INTO heartbeat.alert_firings (alert, name, since)
               VALUES (1, 'For Ben', now() - interval '26 hours')
               ON CONFLICT DO NOTHING;
               WITH event AS (
                   INSERT INTO heartbeat.outbox (channel, kind, happened_at, queued_at, firing, payload)
                   SELECT 'channel:2', '{kind}', now(), now() - interval '{minutes} minutes', id, jsonb_build_object(
                       'firing', id, 'alert', 1, 'name', name, 'since', since, 'public_since', since,
                       'timezone', 'Europe/Berlin')
                   FROM (SELECT id, name, since FROM heartbeat.alert_firings ORDER BY id LIMIT 1) AS firing
                   RETURNING id, firing
               )
               INSERT INTO heartbeat.alert_notifications (firing, channel, kind, event)
               SELECT firing, 2, '{told}', id FROM event"
        ))
        .await;
}

async fn embed(discord: &mut FakeDiscord) -> (String, String) {
    let (_, message) = discord.message().await;
    let text = |value: &Value| value.as_str().expect("text").replace('\\', "");
    let embeds = message["embeds"].as_array().expect("embeds");
    assert_eq!(embeds.len(), 1, "{message}");
    (text(&embeds[0]["title"]), text(&embeds[0]["description"]))
}

#[tokio::test]
async fn an_alert_is_sent_with_its_age_and_noted_as_sent() {
    let (_server, database, _owners, mut friends) = start("exact", Behavior::Accepts).await;
    fire(&database, "alert.fired", "fired", 0).await;
    let (title, description) = embed(&mut friends).await;
    assert_eq!(title, "Some person's heartbeat: silent for 26 hours");
    assert!(description.contains("(Berlin time), 26 hours ago"), "{description}");
    assert!(description.contains("/reached/"), "{description}");
    outbox_is_empty(&database).await;
    assert_eq!(database.number(SENT).await, 1);
}

#[tokio::test]
async fn while_a_channel_is_down_newer_news_take_the_place_of_older_ones() {
    let (_server, database, _owners, mut friends) =
        start("exact", Behavior::Responds(503, "x-nothing", "")).await;
    fire(&database, "alert.fired", "fired", 0).await;
    eventually("an attempt", async || !friends.attempts().is_empty()).await;
    // As the evaluation of alerts does.
    database.execute("DELETE FROM heartbeat.outbox WHERE firing IS NOT NULL").await;
    fire(&database, "alert.resolved", "resolved", 0).await;
    friends.change(Behavior::Accepts);
    let (title, _) = embed(&mut friends).await;
    assert_eq!(title, "Some person's heartbeat: all clear");
    outbox_is_empty(&database).await;
    assert!(friends.embeds().is_empty());
}

#[tokio::test]
async fn an_event_that_is_withdrawn_before_its_attempt_is_not_sent() {
    let (server, database, _owners, mut friends) = start("exact", Behavior::Holds).await;
    // The first holds the second up.
    fire(&database, "alert.fired", "fired", 0).await;
    eventually("an attempt", async || !friends.attempts().is_empty()).await;
    fire(&database, "alert.reached", "reached", 0).await;
    let withdrawn = "WITH gone AS (DELETE FROM heartbeat.outbox WHERE attempted_at IS NULL RETURNING id)
                     SELECT count(*) FROM gone";
    assert_eq!(database.number(withdrawn).await, 1);
    friends.change(Behavior::Accepts);
    assert!(embed(&mut friends).await.0.contains("silent"));
    outbox_is_empty(&database).await;
    drop(server);
    assert!(friends.embeds().is_empty());
}

/// What the database knows of the event about the alert and of what it told, after a failed attempt.
const KNOWN: &str = "SELECT concat_ws(', ',
                         CASE WHEN event.attempted_at IS NULL THEN 'certain' ELSE 'maybe told' END,
                         CASE WHEN event.dead_at IS NOT NULL THEN 'dead' END,
                         CASE WHEN told.failed_at IS NOT NULL THEN 'failed' END)
                     FROM heartbeat.outbox AS event JOIN heartbeat.alert_notifications AS told ON told.event = event.id";

#[tokio::test]
async fn only_an_attempt_that_may_have_delivered_something_counts_as_one() {
    let answers = |status| Behavior::Responds(status, "retry-after", "60");
    for (behavior, known) in [
        (answers(503), "certain"),
        (answers(403), "certain"),
        (answers(404), "certain"),
        (answers(400), "certain, dead, failed"),
        (answers(504), "maybe told"),
        (Behavior::Hangs, "maybe told"),
    ] {
        let (_server, database, _owners, _friends) = start("exact", behavior.clone()).await;
        fire(&database, "alert.fired", "fired", 0).await;
        let recorded = "SELECT (SELECT count(*) FROM heartbeat.dispatch_leases WHERE failed_at IS NOT NULL)
                             + (SELECT count(*) FROM heartbeat.disabled_channels)";
        eventually("an attempt", async || database.number(recorded).await == 1).await;
        assert_eq!(database.text(KNOWN).await, known, "{behavior:?}");
    }
}

#[tokio::test]
async fn after_an_attempt_that_may_have_delivered_something_a_refusal_does_not_say_that_it_did_not() {
    let (_server, database, _owners, friends) =
        start("exact", Behavior::Responds(504, "x-nothing", "")).await;
    fire(&database, "alert.fired", "fired", 0).await;
    eventually("an attempt", async || !friends.attempts().is_empty()).await;
    friends.change(Behavior::Responds(400, "x-nothing", ""));
    let dead = "SELECT count(*) FROM heartbeat.outbox WHERE dead_at IS NOT NULL";
    eventually("a refusal", async || database.number(dead).await == 1).await;
    assert_eq!(database.text(KNOWN).await, "maybe told, dead");
}

#[tokio::test]
async fn what_is_replaced_during_an_attempt_that_certainly_failed_was_never_told() {
    let (_server, database, _owners, friends) = start("exact", Behavior::Holds).await;
    fire(&database, "alert.fired", "fired", 0).await;
    eventually("an attempt", async || !friends.attempts().is_empty()).await;
    // As the evaluation of alerts does.
    database.execute("DELETE FROM heartbeat.outbox WHERE firing IS NOT NULL").await;
    friends.change(Behavior::Responds(503, "x-nothing", ""));
    let withdrawn = "SELECT count(*) FROM heartbeat.alert_notifications WHERE withdrawn_at IS NOT NULL";
    eventually("it is withdrawn", async || database.number(withdrawn).await == 1).await;
}

#[tokio::test]
async fn dead_letters_that_were_certainly_not_delivered_were_never_told_until_they_are_sent_again() {
    let (mut server, database, _owners, friends) =
        start("exact", Behavior::Responds(503, "retry-after", "60")).await;
    let owner = server.owner();
    fire(&database, "alert.fired", "fired", 0).await;
    eventually("an attempt", async || !friends.attempts().is_empty()).await;
    eventually("its failure", async || database.text(KNOWN).await == "certain").await;
    database.execute("UPDATE heartbeat.outbox SET queued_at = now() - interval '77 hours'").await;
    server.wait_for("reason=older than 76 hours").await;
    assert_eq!(database.text(KNOWN).await, "certain, dead, failed");
    assert_eq!(owner.post("/api/channels/2/resend", "").await.status, 202);
    assert_eq!(database.text(KNOWN).await, "certain");
}

#[tokio::test]
async fn an_alert_that_one_answer_denied_is_sent_seconds_later() {
    let (_server, database, _owners, mut friends) =
        start("exact", Behavior::Responds(403, "x-nothing", "")).await;
    fire(&database, "alert.fired", "fired", 0).await;
    eventually("an attempt", async || !friends.attempts().is_empty()).await;
    friends.change(Behavior::Accepts);
    let (at, _) = friends.message().await;
    let first = friends.attempts()[0];
    assert!(at - first < Duration::from_secs(10), "{:?}", at - first);
    assert_eq!(friends.attempts().len(), 2);
}

#[tokio::test]
async fn an_alert_whose_sender_was_killed_before_it_noted_so_is_sent_again() {
    let (mut server, database, _owners, mut friends) = start("exact", Behavior::Holds).await;
    fire(&database, "alert.fired", "fired", 0).await;
    eventually("an attempt", async || !friends.attempts().is_empty()).await;
    server.signal(Signal::KILL);
    server.ended().await;
    friends.change(Behavior::Accepts);
    let restarted = ServerBuilder::on(&database);
    let (_one, _two) = tokio::join!(restarted.start(), restarted.start());
    outbox_is_empty(&database).await;
    // The service may have taken what the killed process sent.
    assert!((1..=2).contains(&friends.embeds().len()));
    assert_eq!(database.number(SENT).await, 1);
}

#[tokio::test]
async fn the_owner_is_told_by_another_channel_that_one_is_disabled_and_its_events_stay() {
    let (_server, database, mut owners, _friends) =
        start("exact", Behavior::Responds(404, "x-nothing", "")).await;
    fire(&database, "alert.fired", "fired", 0).await;
    let (title, description) = embed(&mut owners).await;
    assert_eq!(title, "“Ben” cannot be reached");
    assert!(
        description.starts_with("Nothing arrives through the channel “Ben”: status 404."),
        "{description}"
    );
    assert!(description.contains("The channel is disabled"), "{description}");
    eventually("the alert alone waits", async || database.number(WAITING).await == 1).await;
    assert!(owners.embeds().is_empty());
}

#[tokio::test]
async fn the_owner_is_told_of_an_alert_that_a_service_refuses_and_it_can_be_sent_again() {
    let (server, database, mut owners, mut friends) =
        start("exact", Behavior::Responds(400, "x-nothing", "")).await;
    fire(&database, "alert.fired", "fired", 0).await;
    let (_, description) = embed(&mut owners).await;
    let expected = "The alert “For Ben” could not be sent through the channel “Ben”: status 400.";
    assert!(description.starts_with(expected), "{description}");
    let reason = "SELECT failure FROM heartbeat.outbox WHERE dead_at IS NOT NULL";
    assert_eq!(database.text(reason).await, "status 400");
    // What happened long ago and is sent again may wait once more.
    let revived = "UPDATE heartbeat.outbox SET dead_at = NULL, queued_at = now(), happened_at = now() - interval '9 days'";
    friends.change(Behavior::Accepts);
    database.execute(revived).await;
    assert!(embed(&mut friends).await.0.contains("silent"));
    outbox_is_empty(&database).await;
    drop(server);
    assert!(owners.embeds().is_empty());
}

#[tokio::test]
async fn the_owner_is_told_once_of_an_alert_that_could_not_be_sent_for_ten_minutes() {
    let (mut server, database, mut owners, friends) =
        start("exact", Behavior::Responds(503, "retry-after", "3600")).await;
    fire(&database, "alert.fired", "fired", 9).await;
    eventually("an attempt", async || !friends.attempts().is_empty()).await;
    assert_eq!(database.number(FAILING).await, 0);
    database.execute("UPDATE heartbeat.outbox SET queued_at = now() - interval '11 minutes'").await;
    server.wait_for("alert not sent for ten minutes").await;
    let (_, description) = embed(&mut owners).await;
    assert!(
        description.contains("“For Ben” could not be sent through the channel “Ben”: status 503"),
        "{description}"
    );
    fire(&database, "alert.resolved", "resolved", 11).await;
    // The second of these is dead-lettered after the job that looks for late alerts has run.
    for channel in ["channel:8", "channel:9"] {
        let old = format!(
            "INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload)
             VALUES ('{channel}', 'beat', now() - interval '25 hours', '{{}}')"
        );
        database.execute(&old).await;
        server.wait_for(channel).await;
    }
    server.stop().await;
    assert!(owners.embeds().is_empty());
    assert_eq!(server.log().matches("alert not sent for ten minutes").count(), 1);
}

#[tokio::test]
async fn the_owner_is_told_of_an_alert_that_no_process_can_send() {
    let (_server, database, mut owners, mut friends) = start("exact", Behavior::Accepts).await;
    fire(&database, "alert.fired", "fired", 0).await;
    embed(&mut friends).await;
    outbox_is_empty(&database).await;
    // As if the server had lost `mail_url`.
    let mail =
        r#"UPDATE heartbeat.channels SET kind = 'mail', settings = '{"to": "ben@example.org"}' WHERE id = 2"#;
    database.execute(mail).await;
    fire(&database, "alert.resolved", "resolved", 11).await;
    let (_, description) = embed(&mut owners).await;
    let expected = "The alert “For Ben” could not be sent through the channel “Ben”: ";
    assert!(description.starts_with(expected) && description.contains("mail"), "{description}");
}

#[tokio::test]
async fn who_was_told_is_told_the_end_though_the_device_is_erased() {
    let (server, database, _owners, mut friends) =
        start("exact", Behavior::Responds(503, "x-nothing", "")).await;
    let (device, _) = server.owner().register("Phone").await;
    fire(&database, "alert.resolved", "resolved", 0).await;
    let about_it = format!(
        "UPDATE heartbeat.outbox SET payload = payload || '{{\"device\": {device}}}' WHERE firing IS NOT NULL"
    );
    database.execute(&about_it).await;
    let erased = server.owner().send(Method::DELETE, &format!("/api/devices/{device}"), Vec::new()).await;
    assert_eq!(erased.status, 204, "{erased}");
    friends.change(Behavior::Accepts);
    assert_eq!(embed(&mut friends).await.0, "Some person's heartbeat: all clear");
}

#[tokio::test]
async fn of_a_quota_that_is_used_up_the_owner_is_told_once_for_each_alert_that_waits_for_it() {
    let (mut server, database, mut owners, _friends) = start("exact", Behavior::Accepts).await;
    let ntfy = fake_ntfy::start().await;
    let quota = fake_ntfy::error(42_908, "daily limit reached").to_string();
    ntfy.change(Some(BadDay::Answers(429, "application/json", quota)));
    let settings = json!({ "server": ntfy.url, "topic": fake_ntfy::OPEN_TOPIC });
    // The friend's channel, and one of the owner's.
    database
        .execute(&format!(
            "UPDATE heartbeat.channels SET kind = 'ntfy', settings = '{settings}' WHERE id = 2;
             INSERT INTO heartbeat.channels (name, kind, settings, audience) VALUES ('Phone', 'ntfy', '{settings}', 'owner');
             INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload)
             VALUES ('channel:3', 'test', now(), '{{}}')"
        ))
        .await;
    fire(&database, "alert.fired", "fired", 0).await;
    let (_, description) = embed(&mut owners).await;
    assert!(
        description.contains("“For Ben” could not be sent through the channel “Ben”: status 429"),
        "{description}"
    );
    let again = "UPDATE heartbeat.dispatch_leases SET due_at = '-infinity' WHERE due_at > now() + interval '30 seconds'";
    for attempts in 2..4 {
        database.execute(again).await;
        let query = format!(
            "SELECT count(*) FROM heartbeat.dispatch_leases
             WHERE channel IN ('channel:2', 'channel:3') AND attempts >= {attempts}"
        );
        eventually("more attempts", async || database.number(&query).await == 2).await;
    }
    eventually("one message", async || database.number(FAILING).await == 1).await;
    server.stop().await;
    // It waits for the other channel of the owner's, whose quota is used up as well.
    assert_eq!(database.number(&format!("{FAILING} AND channel = 'channel:3'")).await, 1);
    assert!(owners.embeds().is_empty());
}

#[tokio::test]
async fn alerts_may_wait_for_76_hours() {
    let (mut server, database, _owners, _friends) =
        start("exact", Behavior::Responds(503, "x-nothing", "")).await;
    fire(&database, "alert.fired", "fired", 75 * 60).await;
    fire(&database, "alert.reached", "reached", 77 * 60).await;
    server.wait_for("channel=channel:2 events=1 reason=older than 76 hours").await;
    assert_eq!(database.number(&format!("{WAITING} AND kind = 'alert.fired'")).await, 1);
}

#[tokio::test]
async fn friends_learn_when_the_owner_was_present_at_boundaries_and_no_name_of_a_hidden_device() {
    let (server, database, mut owners, mut friends) = start("hour", Behavior::Accepts).await;
    let laptop = server.device("Laptop").await;
    database.execute("UPDATE heartbeat.devices SET visibility = 'hidden'").await;
    laptop.beat().await;
    assert!(embed(&mut owners).await.1.starts_with("**Laptop** beat"));
    assert_eq!(database.number(&format!("{WAITING} AND channel = 'channel:2'")).await, 1);
    // An hour later.
    database.execute("UPDATE heartbeat.outbox SET happened_at = happened_at - interval '1 hour'").await;
    let (_, description) = embed(&mut friends).await;
    assert!(description.starts_with("**A device** beat on <t:"), "{description}");
    let time = description.split("<t:").nth(1).and_then(|it| it.split(':').next()).expect("a time");
    assert_eq!(time.parse::<i64>().expect("a time") % 3_600, 0, "{description}");
}

#[tokio::test]
async fn a_friends_webhook_is_told_no_more_than_strangers_see() {
    let (_server, database) = Server::fresh().await;
    let mut service = Service::start().await;
    service.subscribe(&database, "beat").await;
    database.execute("UPDATE heartbeat.channels SET audience = 'friend'").await;
    let payload = json!({
        "firing": 0, "alert": 1, "name": "For Ben", "since": "2026-11-24T07:12:40Z", "test": true,
        "public_since": "2026-11-24T07:00:00Z", "timezone": "UTC", "unconfirmed": ["Ben"],
    });
    database
        .execute(&format!(
            "INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload)
             VALUES ('channel:1', 'alert.fired', now(), '{payload}')"
        ))
        .await;
    let data = &service.next().await.json()["data"];
    assert_eq!((&data["alert"], &data["since"]), (&json!({ "id": 1 }), &json!("2026-11-24T07:00:00Z")));
    assert_eq!((&data["unconfirmed"], &data["ok_url"]), (&Value::Null, &Value::Null));
    assert!(data["reached_url"].as_str().expect("a link").contains("/reached/"));
}
