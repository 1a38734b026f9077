//! Services that say no: not to us, not to this event, or not any more.

use heartbeat_tests::{
    Database, Server, eventually,
    fake_discord::{Behavior, FakeDiscord, SECRET},
};
use serde_json::json;

use crate::{
    channel::deny_often,
    discord::{WAITING, function, notifying, outbox_is_empty, start, titles},
};

const DISABLED: &str = "SELECT count(*) FROM heartbeat.disabled_channels";

/// Adds another Discord channel, whose messages show that the dispatcher is at work.
async fn another_channel(database: &Database) -> FakeDiscord {
    let discord = FakeDiscord::start(Behavior::Accepts).await;
    database
        .execute(&format!(
            "INSERT INTO heartbeat.channels (name, kind, settings, events)
             VALUES ('Another', 'discord', '{{\"url\": \"{}\"}}', '{{device.added}}')",
            discord.url
        ))
        .await;
    discord
}

#[tokio::test]
async fn a_channel_that_is_gone_is_disabled_and_its_events_wait_for_another_url() {
    for status in [404, 410] {
        let (mut server, database, discord) =
            start("new_devices", Behavior::Responds(status, "x-nothing", "")).await;
        server.device("first").await;
        let line = server.wait_for("channel disabled").await;
        assert!(line.contains(&format!("channel=config:discord reason=status {status}")), "{line}");
        assert!(line.contains("ERROR"), "{line}");
        assert_eq!(database.number(DISABLED).await, 1);
        let leaked = format!(
            "SELECT count(*) FROM heartbeat.disabled_channels AS it WHERE it::text LIKE '%{SECRET}%'"
        );
        assert_eq!(database.number(&leaked).await, 0);

        // No more is sent to it, by this process or another one.
        let mut another = another_channel(&database).await;
        let mut second = notifying(&database, &discord.url, "new_devices").start().await;
        second.device("second").await;
        another.message().await;
        server.stop().await;
        second.stop().await;
        assert!(!second.log().contains("channel disabled"), "{}", second.log());
        assert_eq!(server.log().matches("channel disabled").count(), 1);
        assert!(!server.log().contains(SECRET), "{}", server.log());
        let mut server = notifying(&database, &discord.url, "new_devices").start().await;
        for name in ["third", "fourth"] {
            server.device(name).await;
            another.message().await;
        }
        assert_eq!(discord.attempts().len(), 1, "{status}");
        server.stop().await;
        assert_eq!(database.number(&format!("{WAITING} AND channel = 'config:discord'")).await, 4);

        let mut mended = FakeDiscord::start(Behavior::Accepts).await;
        let state = async |server: &Server| {
            server.owner().get("/api/channels").await.json()["channels"][0]["state"].clone()
        };
        let server = notifying(&database, &mended.url, "new_devices").start().await;
        let (_, message) = mended.message().await;
        let embeds = message["embeds"].as_array().expect("embeds");
        for (embed, name) in embeds.iter().zip(["first", "second", "third", "fourth"]) {
            assert!(embed["description"].as_str().expect("text").contains(name), "{message}");
        }
        assert_eq!(embeds.len(), 4);
        outbox_is_empty(&database).await;
        assert_eq!(state(&server).await, "active");
    }
}

#[tokio::test]
async fn a_function_sends_nothing_to_a_channel_that_is_gone_until_its_url_is_another() {
    let (database, gone) =
        (Database::create().await, FakeDiscord::start(Behavior::Responds(404, "x-nothing", "")).await);
    let minutely = function("minutely", &database, &gone).await;
    minutely.invoke(json!({})).await.expect("tables");
    database
        .execute(
            "INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload)
             VALUES ('config:discord', 'device.added', now(), '{}')",
        )
        .await;
    for _ in 0..2 {
        minutely.invoke(json!({})).await.expect("an end");
        assert_eq!(gone.attempts().len(), 1);
        assert_eq!(database.number(WAITING).await, 1);
    }
    let mut mended = FakeDiscord::start(Behavior::Accepts).await;
    let minutely = function("minutely", &database, &mended).await;
    minutely.invoke(json!({})).await.expect("an end");
    assert_eq!(titles(&mended.embeds()), ["New device"]);
    assert_eq!(database.number(WAITING).await, 0);
}

#[tokio::test]
async fn a_channel_that_denies_access_is_retried_rarely_and_another_url_at_once() {
    for status in [401, 403] {
        let (mut server, database, discord) =
            start("new_devices", Behavior::Responds(status, "x-nothing", "")).await;
        server.device("Laptop").await;
        let line = server.wait_for("delivery failed").await;
        assert!(line.contains(&format!("attempts=1 reason=status {status}")), "{line}");
        // One bad answer of a proxy holds up nothing.
        let soon =
            "SELECT count(*) FROM heartbeat.dispatch_leases WHERE due_at < now() + interval '6 seconds'";
        eventually("a short delay", async || database.number(soon).await == 1).await;
        deny_often(&database).await;
        let rarely = "SELECT count(*) FROM heartbeat.dispatch_leases
                      WHERE attempts = 2
                      AND due_at BETWEEN now() + interval '9 minutes' AND now() + interval '1 hour'";
        eventually("a long delay", async || database.number(rarely).await == 1).await;
        assert_eq!(database.number(WAITING).await, 1);
        server.stop().await;

        // A restart with the same URL changes nothing.
        let mut another = another_channel(&database).await;
        let mut server = notifying(&database, &discord.url, "new_devices").start().await;
        for name in ["Phone", "Tablet"] {
            server.device(name).await;
            another.message().await;
        }
        assert_eq!(discord.attempts().len(), 2, "{status}");
        server.stop().await;

        let mut mended = FakeDiscord::start(Behavior::Accepts).await;
        let _server = notifying(&database, &mended.url, "new_devices").start().await;
        mended.message().await;
        outbox_is_empty(&database).await;
        assert_eq!(database.number(DISABLED).await, 0);
    }
}

#[tokio::test]
async fn events_of_a_disabled_channel_become_dead_letters_after_a_day_and_are_kept() {
    let (mut server, database, _discord) =
        start("new_devices", Behavior::Responds(404, "x-nothing", "")).await;
    server.device("yesterday").await;
    server.wait_for("channel disabled").await;
    database.execute("UPDATE heartbeat.outbox SET happened_at = now() - interval '25 hours'").await;
    server.device("today").await;
    let line = server.wait_for("events dead-lettered").await;
    assert!(line.contains("channel=config:discord events=1 reason=older than 24 hours"), "{line}");
    assert_eq!(database.number(WAITING).await, 1);
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.outbox").await, 2);
}

#[tokio::test]
async fn events_that_cannot_be_read_are_dead_lettered_and_hold_up_no_other() {
    let (mut server, database, mut discord) = start("new_devices", Behavior::Accepts).await;
    database
        .execute(
            "INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload) VALUES
                 ('config:discord', 'absence.ended', now(), '{\"device\": 0}'),
                 ('config:discord', 'device.added', 'infinity', '{\"device\": 0}'),
                 ('config:discord', 'device.added', now(), '{\"device\": \"a string\"}'),
                 ('config:discord', 'device.added', now(), '{\"device\": 1e300}')",
        )
        .await;
    server.device("Laptop").await;
    let line = server.wait_for("events dead-lettered").await;
    assert!(line.contains("channel=config:discord events=2 reason=unreadable"), "{line}");
    outbox_is_empty(&database).await;
    let embeds = discord.embeds();
    assert_eq!(titles(&embeds), ["New device", "New device", "New device"]);
    assert!(embeds[2]["description"].as_str().expect("text").contains("Laptop"), "{embeds:?}");
}
