//! Leases, and what becomes of events that cannot be delivered: whatever the database holds, and whichever process
//! wrote it.

use heartbeat_tests::{Database, Server, eventually, fake_discord::Behavior};

use crate::{
    discord::{WAITING, outbox_is_empty, start},
    webhook::Service,
};

async fn dead(database: &Database) -> i64 {
    database.number("SELECT count(*) FROM heartbeat.outbox WHERE dead_at IS NOT NULL").await
}

#[tokio::test]
async fn events_that_a_service_fails_to_take_for_a_day_are_dead_lettered() {
    let (mut server, database, discord) =
        start("new_devices", Behavior::Responds(503, "x-nothing", "")).await;
    server.device("Laptop").await;
    eventually("an attempt", async || !discord.attempts().is_empty()).await;
    database.execute("UPDATE heartbeat.outbox SET happened_at = now() - interval '25 hours'").await;
    server.wait_for("events=1 reason=older than 24 hours").await;
    outbox_is_empty(&database).await;
    assert_eq!(dead(&database).await, 1);
}

#[tokio::test]
async fn events_of_channels_that_no_process_serves_become_dead_letters_and_are_deleted_a_week_later() {
    let (_server, database) = Server::fresh().await;
    // The first has settings that cannot work, the second is of a newer program's kind; `channel:7` was deleted,
    // and `config:discord` may be another process's.
    database
        .execute(
            "INSERT INTO heartbeat.channels (name, kind, settings) VALUES
                 ('Bad settings', 'discord', '{}'), ('Pigeons', 'pigeon', '{}');
             INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload)
             SELECT channel, 'beat', now() - age, '{}'
             FROM unnest('{channel:1,channel:2,channel:7,config:discord}'::text[]) AS channel,
                  unnest('{25 hours,23 hours}'::interval[]) AS age;
             INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload, dead_at) VALUES
                 ('channel:7', 'beat', now() - interval '9 days', '{}', now() - interval '8 days'),
                 ('channel:7', 'beat', now() - interval '9 days', '{}', now() - interval '6 days')",
        )
        .await;
    eventually("dead letters", async || dead(&database).await == 4 + 1).await;
    let younger = "SELECT count(*) FROM heartbeat.outbox
                   WHERE dead_at IS NULL AND happened_at > now() - interval '24 hours'";
    assert_eq!(database.number(younger).await, 4);
    eventually("one deleted", async || {
        database
            .number("SELECT count(*) FROM heartbeat.outbox WHERE dead_at < now() - interval '1 hour'")
            .await
            == 1
    })
    .await;
}

#[tokio::test]
async fn events_of_kinds_that_only_a_newer_program_knows_may_wait_for_a_week() {
    let (mut server, database) = Server::fresh().await;
    database
        .execute(
            "INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload)
             SELECT 'channel:1', 'alert.snoozed', now() - age, '{}'
             FROM unnest('{3 days,8 days}'::interval[]) AS age",
        )
        .await;
    server.wait_for("channel=channel:1 events=1 reason=older than 168 hours").await;
    assert_eq!(database.number(WAITING).await, 1);
}

#[tokio::test]
async fn events_from_the_future_do_not_wait_for_it() {
    let (mut server, database) = Server::fresh().await;
    database
        .execute(
            "INSERT INTO heartbeat.outbox (channel, kind, happened_at, queued_at, payload)
             VALUES ('channel:1', 'beat', now() + interval '2 years', now() - interval '25 hours', '{}')",
        )
        .await;
    server.wait_for("channel=channel:1 events=1 reason=older than 24 hours").await;
}

#[tokio::test]
async fn a_lease_with_whatever_times_stops_no_notification() {
    let (mut server, database, mut discord) = start("new_devices", Behavior::Accepts).await;
    server.device("first").await;
    discord.message().await;
    // What a released lease of a channel looks like that nothing was delivered to, and what a clock that was ahead
    // leaves behind.
    for (number, time) in ["-infinity", "infinity", "2100-01-01"].iter().enumerate() {
        outbox_is_empty(&database).await;
        eventually("a released lease", async || {
            let held = "SELECT count(*) FROM heartbeat.dispatch_leases WHERE held_until > '-infinity'";
            database.number(held).await == 0
        })
        .await;
        let times = format!("UPDATE heartbeat.dispatch_leases SET due_at = '{time}', held_until = '{time}'");
        database.execute(&times).await;
        server.device(&format!("device {number}")).await;
        discord.message().await;
    }
    server.stop().await;
    assert!(!server.log().contains("cannot subtract"), "{}", server.log());
}

#[tokio::test]
async fn a_dispatcher_that_lost_its_lease_changes_nothing() {
    for outcome in [
        Behavior::Accepts,
        Behavior::Responds(400, "x-nothing", ""),
        Behavior::Responds(401, "x-nothing", ""),
        Behavior::Responds(404, "x-nothing", ""),
        Behavior::Responds(500, "x-nothing", ""),
    ] {
        let (mut server, database, discord) = start("new_devices", Behavior::Holds).await;
        server.device("Laptop").await;
        eventually("an attempt", async || !discord.attempts().is_empty()).await;
        give_lease_away(&database).await;
        discord.change(outcome.clone());
        server.wait_for("lease lost channel=config:discord").await;
        assert_eq!(database.number(WAITING).await, 1, "{outcome:?}");
        let unchanged = "SELECT count(*) FROM heartbeat.dispatch_leases
                         WHERE holder = 'another' AND attempts = 0 AND held_until > now()";
        assert_eq!(database.number(unchanged).await, 1, "{outcome:?}");
        assert_eq!(database.number("SELECT count(*) FROM heartbeat.disabled_channels").await, 0);
    }
}

#[tokio::test]
async fn a_dispatcher_claims_the_lease_again_before_it_sends_again() {
    let (mut server, database, discord) =
        start("new_devices", Behavior::Responds(503, "retry-after", "2")).await;
    // Held up, so that both are in one message later.
    for name in ["good", "poison"] {
        server.device(name).await;
    }
    server.wait_for("reason=status 503").await;
    discord.change(Behavior::Holds);
    let attempts = discord.attempts().len();
    eventually("a message of both", async || discord.attempts().len() > attempts).await;
    give_lease_away(&database).await;
    discord.change(Behavior::RejectsContaining("poison"));
    server.wait_for("lease lost").await;
    assert_eq!(discord.attempts().len(), attempts + 1);
    assert_eq!(database.number(WAITING).await, 2);
}

/// Lets another dispatcher have the lease on the configured channel.
async fn give_lease_away(database: &Database) {
    database
        .execute(
            "UPDATE heartbeat.dispatch_leases
             SET holder = 'another', held_until = now() + interval '10 minutes'",
        )
        .await;
}

#[tokio::test]
async fn a_channel_that_the_database_fails_for_holds_up_no_other() {
    // The lease cannot be claimed; what was delivered cannot be recorded.
    for failing in ["INSERT OR UPDATE", "UPDATE OF due_at"] {
        let (server, database, discord) = start("new_devices", Behavior::Accepts).await;
        let mut service = Service::start().await;
        service.subscribe(&database, "device.added").await;
        database
            .execute(&format!(
                "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
                 CREATE TRIGGER fail BEFORE {failing} ON heartbeat.dispatch_leases FOR EACH ROW
                 WHEN (NEW.channel = 'config:discord') EXECUTE FUNCTION fail();
                 INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload)
                 SELECT 'channel:1', 'device.added', now(), '{{\"device\": 0}}' FROM generate_series(1, 12)"
            ))
            .await;
        server.device("Laptop").await;
        let others = format!("{WAITING} AND channel <> 'config:discord'");
        eventually("the other's events delivered", async || database.number(&others).await == 0).await;
        for _ in 0..13 {
            service.next().await;
        }
        // It does not get the same again and again, either.
        assert!(discord.attempts().len() <= 3, "{}", discord.attempts().len());
    }
}
