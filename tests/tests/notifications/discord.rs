//! The Discord channel that the configuration owns.

use std::time::{Duration, Instant};

use heartbeat_tests::{
    Client, Database, Function, Server, ServerBuilder, eventually,
    fake_discord::{Behavior, FakeDiscord, SECRET},
};
use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(crate) const WAITING: &str = "SELECT count(*) FROM heartbeat.outbox WHERE dead_at IS NULL";
const ABSENCES: &str = "SELECT count(*) FROM heartbeat.absences";

/// Makes the last beat two hours old.
const ABSENCE_OF_TWO_HOURS: &str =
    "UPDATE heartbeat.devices SET last_beat = now() - interval '2 hours', num_beats = 1;
                       UPDATE heartbeat.stats SET last_beat = now() - interval '2 hours'";

pub(crate) fn notifying(database: &Database, discord: &str, level: &str) -> ServerBuilder {
    ServerBuilder::on(database)
        .environment("HEARTBEAT_WEBHOOK_URL", discord)
        .environment("HEARTBEAT_WEBHOOK_LEVEL", level)
        .environment("HEARTBEAT_LIVE_URL", "https://beat.example.org")
}

pub(crate) async fn start(level: &str, behavior: Behavior) -> (Server, Database, FakeDiscord) {
    let (database, discord) = (Database::create().await, FakeDiscord::start(behavior).await);
    let server = notifying(&database, &discord.url, level).start().await;
    (server, database, discord)
}

pub(crate) async fn outbox_is_empty(database: &Database) {
    eventually("an empty outbox", async || database.number(WAITING).await == 0).await;
}

pub(crate) fn titles(embeds: &[Value]) -> Vec<&str> {
    embeds.iter().map(|embed| embed["title"].as_str().expect("a title")).collect()
}

#[tokio::test]
async fn each_level_notifies_of_what_it_should_in_order_and_nothing_else() {
    for (level, expected) in [
        ("all", &["New device", "Absence ended", "Heartbeat", "Heartbeat"][..]),
        ("new_devices", &["New device", "Absence ended"]),
        ("long_absences", &["Absence ended"]),
        ("none", &[]),
    ] {
        let (server, database, mut discord) = start(level, Behavior::Accepts).await;
        let device = server.device("@everyone **x** <@1>").await;
        database.execute(ABSENCE_OF_TWO_HOURS).await;
        device.beat().await;
        device.beat().await;
        assert_eq!(database.number(ABSENCES).await, 1, "{level}");
        outbox_is_empty(&database).await;
        let embeds = discord.embeds();
        assert_eq!(titles(&embeds), expected, "{level}");
        for embed in &embeds {
            let description = embed["description"].as_str().expect("text");
            assert!(description.starts_with("**\\@everyone \\*\\*x\\*\\* \\<\\@1\\>** "), "{description}");
            assert_eq!(embed["author"]["name"], "beat.example.org");
        }
    }
}

#[tokio::test]
async fn without_a_channel_no_event_is_recorded() {
    let (server, database) = Server::fresh().await;
    server.device("Laptop").await.beat().await;
    assert_eq!(database.number("SELECT last_value::bigint FROM heartbeat.outbox_id_seq WHERE is_called UNION ALL SELECT 0 LIMIT 1").await, 0);
}

#[tokio::test]
async fn an_absence_is_kept_with_its_ends_and_who_ended_it() {
    let (server, database) = Server::fresh().await;
    let (laptop, phone) =
        (server.owner().register("Laptop").await.1, server.owner().register("Phone").await.1);
    server.stranger().authorized(&laptop).beat().await;
    database.execute(ABSENCE_OF_TWO_HOURS).await;
    // To a server that runs, the past does not change: another one sees what is left of it.
    let server = ServerBuilder::on(&database).start().await;
    server.stranger().authorized(&phone).beat().await;
    let right = "SELECT count(*) FROM heartbeat.absences WHERE ended_by = 1
                 AND ended_at - started_at BETWEEN interval '2 hours' AND interval '121 minutes'";
    assert_eq!(database.number(right).await, 1);
    // An hour to the second is no long absence.
    database.execute(&ABSENCE_OF_TWO_HOURS.replace("2 hours", "3599 seconds")).await;
    let server = ServerBuilder::on(&database).start().await;
    server.stranger().authorized(&laptop).beat().await;
    assert_eq!(database.number(ABSENCES).await, 1);
}

#[tokio::test]
async fn a_hundred_devices_that_wake_together_end_one_absence() {
    let (first, database, mut discord) = start("long_absences", Behavior::Accepts).await;
    let second = notifying(&database, &discord.url, "long_absences").start().await;
    let mut devices = Vec::new();
    for number in 0..100 {
        let (_, token) = first.owner().register(&format!("Device {number}")).await;
        let server = if number % 2 == 0 { &first } else { &second };
        devices.push(server.stranger().authorized(&token));
    }
    database.execute(ABSENCE_OF_TWO_HOURS).await;
    let beats: Vec<_> =
        devices.into_iter().map(|device| tokio::spawn(async move { device.beat().await })).collect();
    for beat in beats {
        beat.await.expect("a beat");
    }
    outbox_is_empty(&database).await;
    assert_eq!(database.number(ABSENCES).await, 1);
    assert_eq!(titles(&discord.embeds()), ["Absence ended"]);
}

#[tokio::test]
async fn a_channel_that_is_down_gets_everything_later_once_and_in_order() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its number");
    drop(listener);
    let database = Database::create().await;
    let url = format!("http://{address}/api/webhooks/1/{SECRET}");
    let mut server = notifying(&database, &url, "all").environment("RUST_LOG", "trace").start().await;
    let laptop = server.device("Laptop").await;
    for _ in 0..24 {
        laptop.beat().await;
    }
    server.wait_for("cannot connect").await;
    let listener = TcpListener::bind(address).await.expect("the same port");
    let mut discord = FakeDiscord::start_on(listener, Behavior::Accepts);
    outbox_is_empty(&database).await;
    let mut sizes = Vec::new();
    let mut told = Vec::new();
    while told.len() < 25 {
        let (_, message) = discord.message().await;
        let embeds = message["embeds"].as_array().expect("embeds");
        sizes.push(embeds.len());
        told.extend(embeds.iter().map(|embed| embed["title"].as_str().expect("a title").to_owned()));
    }
    assert_eq!(sizes, [10, 10, 5]);
    assert_eq!(told[0], "New device");
    assert!(told[1..].iter().all(|title| title == "Heartbeat"), "{told:?}");
    assert!(discord.embeds().is_empty());
    assert!(!server.log().contains(SECRET) && !server.log().contains("127.0.0.1"), "{}", server.log());
}

#[tokio::test]
async fn a_channel_that_rate_limits_is_retried_after_the_delay_it_asked_for() {
    let (mut server, database, mut discord) =
        start("new_devices", Behavior::Responds(429, "retry-after", "2")).await;
    server.device("Laptop").await;
    server.wait_for("reason=status 429").await;
    discord.change(Behavior::Accepts);
    let (taken, _) = discord.message().await;
    assert!(taken - discord.attempts()[0] >= Duration::from_secs(2), "{:?}", discord.attempts());
    outbox_is_empty(&database).await;
    assert_eq!(discord.attempts().len(), 2);
}

#[tokio::test]
async fn a_rate_limit_of_no_delay_makes_no_hot_loop() {
    let (server, database, mut discord) =
        start("new_devices", Behavior::Responds(429, "retry-after", "0")).await;
    server.device("Laptop").await;
    eventually("three attempts", async || discord.attempts().len() >= 3).await;
    discord.change(Behavior::Accepts);
    discord.message().await;
    outbox_is_empty(&database).await;
    let attempts = discord.attempts();
    for pair in attempts.windows(2) {
        assert!(pair[1] - pair[0] >= Duration::from_millis(900), "{attempts:?}");
    }
}

#[tokio::test]
async fn a_channel_whose_rate_limit_is_reached_is_left_alone_until_it_resets() {
    let (server, database, mut discord) = start("all", Behavior::AcceptsAndRateLimits("2.5")).await;
    let laptop = server.device("Laptop").await;
    discord.message().await;
    outbox_is_empty(&database).await;
    let beaten = Instant::now();
    laptop.beat().await;
    let (taken, _) = discord.message().await;
    assert!(taken - beaten > Duration::from_millis(1500), "{:?}", taken - beaten);
}

#[tokio::test]
async fn failures_of_the_service_are_retried_with_backoff() {
    let (server, database, mut discord) =
        start("new_devices", Behavior::Responds(500, "x-nothing", "")).await;
    server.device("Laptop").await;
    eventually("three attempts", async || discord.attempts().len() >= 3).await;
    discord.change(Behavior::Accepts);
    discord.message().await;
    outbox_is_empty(&database).await;
    let attempts = discord.attempts();
    // Half a second to a second, then twice that.
    assert!(attempts[1] - attempts[0] >= Duration::from_millis(500), "{attempts:?}");
    assert!(attempts[2] - attempts[1] >= Duration::from_secs(1), "{attempts:?}");
    assert!(discord.embeds().is_empty());
}

#[tokio::test]
async fn a_channel_that_hangs_makes_no_beat_wait() {
    let (server, _database, discord) = start("all", Behavior::Hangs).await;
    let laptop = server.device("Laptop").await;
    eventually("an attempt", async || !discord.attempts().is_empty()).await;
    let started = Instant::now();
    for _ in 0..200 {
        laptop.beat().await;
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!(discord.attempts().len(), 1, "one at a time");
}

#[tokio::test]
async fn events_that_were_committed_are_delivered_after_a_crash() {
    let (server, database, mut discord) = start("new_devices", Behavior::Hangs).await;
    server.device("Laptop").await;
    eventually("an attempt", async || !discord.attempts().is_empty()).await;
    server.signal(Signal::KILL);
    drop(server);
    discord.change(Behavior::Accepts);
    let _second = notifying(&database, &discord.url, "new_devices").start().await;
    discord.message().await;
    outbox_is_empty(&database).await;
    assert!(discord.embeds().is_empty());
}

#[tokio::test]
async fn one_event_that_is_refused_takes_no_other_with_it() {
    let (mut server, database, mut discord) = start("new_devices", Behavior::Hangs).await;
    // Held up, so that all are in one message later.
    server.device("first").await;
    eventually("an attempt", async || !discord.attempts().is_empty()).await;
    for name in ["good", "poison", "better"] {
        server.device(name).await;
    }
    discord.change(Behavior::RejectsContaining("poison"));
    server.wait_for("events=1 reason=status 400").await;
    outbox_is_empty(&database).await;
    let told = discord.embeds();
    let told: Vec<_> = told.iter().map(|embed| embed["description"].as_str().expect("text")).collect();
    for (text, name) in told.iter().zip(["first", "good", "better"]) {
        assert!(text.starts_with(&format!("**{name}** was added")), "{told:?}");
    }
    assert_eq!(told.len(), 3);
}

/// A function that notifies this webhook of everything. As functions may not point to their own machine, it is reached by a proxy.
pub(crate) async fn function(name: &str, database: &Database, discord: &FakeDiscord) -> Function {
    let (origin, _) = discord.url.split_once("/api").expect("a path");
    let url = discord.url.replace("127.0.0.1:", "discord.example:");
    let environment =
        [("HTTP_PROXY", origin), ("HEARTBEAT_WEBHOOK_URL", &url), ("HEARTBEAT_WEBHOOK_LEVEL", "all")];
    Function::start(name, database, &environment).await
}

#[tokio::test]
async fn functions_record_events_and_minutely_delivers_them() {
    let (database, mut discord) = (Database::create().await, FakeDiscord::start(Behavior::Accepts).await);
    let owner_function = function("owner", &database, &discord).await;
    let beat = function("beat", &database, &discord).await;
    let minutely = function("minutely", &database, &discord).await;
    let owner = Some(heartbeat_tests::server::SECRET_KEY);
    let answer = owner_function.request(&Method::POST, "/api/devices", owner, br#"{"name": "Laptop"}"#).await;
    let token = answer.json()["token"].as_str().expect("a token").to_owned();
    assert_eq!(beat.request(&Method::POST, "/api/beat", Some(&token), b"").await.status, 200);
    assert_eq!(database.number(WAITING).await, 2);
    minutely.invoke(json!({})).await.expect("an end");
    assert_eq!(titles(&discord.embeds()), ["New device", "Heartbeat"]);
    assert_eq!(database.number(WAITING).await, 0);
}

#[tokio::test]
async fn events_that_another_process_left_are_delivered() {
    let (database, mut discord) = (Database::create().await, FakeDiscord::start(Behavior::Accepts).await);
    // One that writes down and cannot deliver.
    let lame = notifying(&database, "http://127.0.0.1:9/x", "all").start().await;
    let device: Client = lame.device("Laptop").await;
    device.beat().await;
    lame.signal(Signal::KILL);
    drop(lame);
    let _able = notifying(&database, &discord.url, "all").start().await;
    let (_, message) = discord.message().await;
    assert_eq!(message["embeds"].as_array().expect("embeds").len(), 2);
}
