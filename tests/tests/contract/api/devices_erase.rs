//! `DELETE` and archiving `PATCH /api/devices/{id}`, beside beats and other processes

use std::time::Duration;

use heartbeat_tests::{
    Client, Database, Function, Server, ServerBuilder, eventually,
    records::{assert_records, count_inserted_beats},
    server::SECRET_KEY,
};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, Executor};
use tokio::task::JoinHandle;

async fn erase(server: &Server, id: i64) {
    let response = server.owner().send(Method::DELETE, &format!("/api/devices/{id}"), Vec::new()).await;
    assert_eq!(response.status, 204, "{response}");
}

/// Adds a thousand beats of three devices, with gaps of minutes to days that most often two devices end in turn.
async fn insert_beats(database: &Database) {
    database
        .execute(
            "INSERT INTO heartbeat.beats (device, time_stamp)
             SELECT (i * i / 7) % 3, timestamptz '2026-01-01 00:00:00.25Z' + make_interval(mins => (i * 90 + i * i % 83)::int)
             FROM generate_series(0, 999) AS i
             WHERE i % 50 NOT BETWEEN 20 AND 30",
        )
        .await;
    count_inserted_beats(database).await;
}

/// Sends beats, one after the other, until one is refused; returns how many were acknowledged.
fn beat_until_refused(device: Client) -> JoinHandle<i64> {
    tokio::spawn(async move {
        let mut acknowledged = 0;
        loop {
            match device.post("/api/beat", "").await.status {
                200 => acknowledged += 1,
                401 => return acknowledged,
                status => panic!("{status}"),
            }
        }
    })
}

#[tokio::test]
async fn records_are_those_of_the_devices_that_are_left() {
    let (server, database) = Server::fresh().await;
    for name in ["Laptop", "Phone", "Tablet"] {
        server.device(name).await;
    }
    insert_beats(&database).await;
    assert_records(&database).await;
    for id in [1, 0, 2] {
        let before = server.stranger().stats().await;
        erase(&server, id).await;
        assert_records(&database).await;
        let stats = server.stranger().stats().await;
        let rows = database.number("SELECT count(*) FROM heartbeat.beats").await;
        assert_eq!(stats["total_beats"], rows);
        assert_ne!(stats["total_beats"], before["total_beats"]);
        let longest = "SELECT floor(extract(epoch FROM longest_absence))::bigint FROM heartbeat.stats";
        let ongoing = stats["last_seen_relative"].as_i64().unwrap_or(0);
        assert_eq!(stats["longest_absence"], database.number(longest).await.max(ongoing));
    }
    let nothing = server.stranger().stats().await;
    assert_eq!((&nothing["last_seen"], &nothing["longest_absence"]), (&Value::Null, &json!(0)));
}

#[tokio::test]
async fn the_first_beat_after_one_that_was_erased_ends_the_absence_before_it() {
    let (server, database) = Server::fresh().await;
    let (laptop, phone) = (server.device("Laptop").await, server.device("Phone").await);
    database
        .execute("INSERT INTO heartbeat.beats VALUES (0, now() - interval '5 hours'), (1, now() - interval '9 hours')")
        .await;
    count_inserted_beats(&database).await;
    phone.beat().await;
    let owner = server.owner();
    // Within a second of that beat, by a statement that does not look at absences.
    let (erased, ()) = tokio::join!(owner.send(Method::DELETE, "/api/devices/1", Vec::new()), async {
        eventually("the erasure", async || {
            database.number("SELECT count(*) FROM heartbeat.erasures").await == 1
        })
        .await;
        laptop.beat().await;
    });
    assert_eq!(erased.status, 204);
    assert_records(&database).await;
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.absences").await, 1);
    assert!(server.stranger().stats().await["longest_absence"].as_i64() >= Some(5 * 60 * 60));
}

#[tokio::test]
async fn an_erasure_finishes_no_other_that_processes_may_still_rely_on() {
    let (server, database) = Server::fresh().await;
    let (laptop, phone) = (server.device("Laptop").await, server.device("Phone").await);
    server.device("Tablet").await;
    database
        .execute("INSERT INTO heartbeat.beats VALUES (0, now() - interval '5 hours'), (1, now() - interval '9 hours')")
        .await;
    count_inserted_beats(&database).await;
    phone.beat().await;
    let owner = server.owner();
    let (erased, ()) = tokio::join!(owner.send(Method::DELETE, "/api/devices/1", Vec::new()), async {
        eventually("the erasure", async || {
            database.number("SELECT count(*) FROM heartbeat.erasures").await == 1
        })
        .await;
        // No process relies on a beat of this one.
        erase(&server, 2).await;
        laptop.beat().await;
    });
    assert_eq!(erased.status, 204);
    assert_records(&database).await;
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.absences").await, 1);
}

#[tokio::test]
async fn erasing_beside_beats_leaves_what_others_beat_and_nothing_of_the_device() {
    let (one, database) = Server::fresh().await;
    let other = ServerBuilder::on(&database).start().await;
    let function = Function::start("beat", &database, &[]).await;
    let (erased, erased_token) = one.owner().register("Laptop").await;
    let (kept, kept_token) = one.owner().register("Phone").await;
    let devices = |token: &str| [&one, &other].map(|server| server.stranger().authorized(token));
    let doomed = devices(&erased_token).map(beat_until_refused);
    let survivors = devices(&kept_token).map(beat_until_refused);
    let beaten = |id: i64| {
        format!("SELECT sum(num_beats)::bigint FROM heartbeat.devices WHERE id = {id} AND num_beats > 20")
    };
    eventually("beats", async || {
        let number = format!("SELECT count(*) FROM ({}) AS beaten WHERE sum IS NOT NULL", beaten(erased));
        database.number(&number).await == 1
    })
    .await;
    erase(&one, erased).await;

    for server in [&one, &other] {
        assert_eq!(server.stranger().authorized(&erased_token).post("/api/beat", "").await.status, 401);
    }
    assert_eq!(function.request(&Method::POST, "/api/beat", Some(&erased_token), b"").await.status, 401);
    // On a busy machine, all of them may have come through one server.
    let [one_took, other_took] = doomed;
    assert!(one_took.await.expect("an end") + other_took.await.expect("an end") > 0);
    // The end of the other device is its archiving: what was acknowledged before that counts.
    let archived = other
        .owner()
        .send(Method::PATCH, &format!("/api/devices/{kept}"), br#"{"archived": true}"#.into())
        .await;
    assert_eq!(archived.status, 200);
    let mut acknowledged = 0;
    for beats in survivors {
        acknowledged += beats.await.expect("an end");
    }
    assert_eq!(function.request(&Method::POST, "/api/beat", Some(&kept_token), b"").await.status, 401);
    assert_eq!(archived.json()["num_beats"], acknowledged);
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, acknowledged);
    assert_eq!(other.stranger().stats().await["total_beats"], acknowledged);
    assert_records(&database).await;
}

#[tokio::test]
async fn what_a_process_that_died_has_begun_another_finishes() {
    let (mut server, database) = Server::fresh().await;
    server.device("Laptop").await;
    server.device("Phone").await;
    // Some slices of pages.
    database
        .execute("INSERT INTO heartbeat.beats SELECT i % 2, timestamptz '2026-01-01' + i * interval '1 minute' FROM generate_series(1, 300000) AS i")
        .await;
    count_inserted_beats(&database).await;
    // The erasure gets stuck at a row in one of the last pages.
    let mut obstacle = database.connect().await;
    let mut lock = obstacle.begin().await.expect("a transaction");
    lock.execute(
        "SELECT FROM heartbeat.beats WHERE device = 0 AND time_stamp > '2026-07-27 07:00' LIMIT 1 FOR UPDATE",
    )
    .await
    .expect("a row");
    let owner = server.owner();
    let request =
        tokio::spawn(
            async move { owner.try_send(Method::DELETE, "/api/devices/0", Vec::new()).await.is_ok() },
        );
    let begun = "SELECT count(*) FROM heartbeat.erasures WHERE next_page > 500";
    eventually("slices", async || database.number(begun).await == 1).await;
    // To everybody who looks, it is done.
    assert_eq!(server.stranger().stats().await["total_beats"], 150_000);
    server.signal(rustix::process::Signal::KILL);
    server.ended().await;
    request.await.expect("an end");
    lock.rollback().await.expect("a rollback");
    assert!(database.number("SELECT count(*) FROM heartbeat.beats WHERE device = 0").await > 0);

    let mut another = ServerBuilder::on(&database).start().await;
    another.wait_for("erase_beats").await;
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats WHERE device = 0").await, 0);
    assert_records(&database).await;
    assert_eq!(another.stranger().stats().await["total_beats"], 150_000);
}

#[tokio::test]
async fn a_function_erases_and_the_minutely_one_finishes_what_was_left() {
    let database = Database::create().await;
    let server = ServerBuilder::on(&database).start().await;
    for name in ["Laptop", "Phone", "Tablet"] {
        server.device(name).await;
    }
    insert_beats(&database).await;
    drop(server);
    let function = Function::start("owner", &database, &[]).await;
    let response = function.request(&Method::DELETE, "/api/devices/2", Some(SECRET_KEY), b"").await;
    assert_eq!(response.status, 204, "{response}");
    assert_records(&database).await;

    // As a function leaves it that was ended in between.
    database
        .execute(
            "DELETE FROM heartbeat.devices WHERE id = 1;
             INSERT INTO heartbeat.erasures (device, erased_at) VALUES (1, now() - interval '1 minute')",
        )
        .await;
    let minutely = Function::start("minutely", &database, &[]).await;
    minutely.invoke(json!({})).await.expect("an answer");
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.erasures WHERE finished_at IS NULL").await, 0);
    assert_records(&database).await;
}

#[tokio::test]
async fn rows_with_a_former_id_are_erased_and_rows_that_moved_are_found() {
    let (server, database) = Server::fresh().await;
    server.device("Laptop").await;
    server.device("Phone").await;
    database
        .execute(
            "INSERT INTO heartbeat.former_ids VALUES (912840992904712192, 0);
             INSERT INTO heartbeat.beats SELECT 912840992904712192, now() - i * interval '2 hours' FROM generate_series(1, 9) AS i;
             INSERT INTO heartbeat.beats SELECT 1, now() - i * interval '5 hours' FROM generate_series(1, 9) AS i",
        )
        .await;
    erase(&server, 0).await;
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats WHERE device <> 1").await, 0);
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.former_ids").await, 0);
    drop(server);
    // As after a page was searched to which a row is moved.
    database
        .execute(
            "INSERT INTO heartbeat.beats VALUES (912840992904712192, now());
             UPDATE heartbeat.erasures SET finished_at = NULL, erased_at = now() - interval '1 minute';
             UPDATE heartbeat.devices SET num_beats = 9 WHERE id = 1",
        )
        .await;
    let mut another = ServerBuilder::on(&database).start().await;
    another.wait_for("erase_beats").await;
    assert_records(&database).await;
}

#[tokio::test]
async fn nobody_is_told_of_a_device_that_is_erased() {
    let (server, database) = Server::fresh().await;
    server.device("Laptop").await;
    server.device("Phone").await;
    database
        .execute(
            r#"INSERT INTO heartbeat.outbox (channel, kind, happened_at, payload, dead_at) VALUES
                 ('channel:1', 'beat', now(), '{"device": 0}', NULL),
                 ('channel:1', 'beat', now(), '{"device": 1}', NULL),
                 ('channel:1', 'beat', now(), '{"device": 0}', now()),
                 ('channel:1', 'beat', now(), '{"device": "0x"}', NULL),
                 ('channel:1', 'new', now(), '{}', NULL);
               INSERT INTO heartbeat.events (receiver, kind, device, happened_at) VALUES ('discord', 'beat', 0, now())"#,
        )
        .await;
    erase(&server, 0).await;
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.outbox").await, 3);
    assert_eq!(
        database.number("SELECT count(*) FROM heartbeat.outbox WHERE payload ->> 'device' = '0'").await,
        0
    );
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.events").await, 0);
}

#[tokio::test]
async fn an_erasure_makes_no_beat_wait_for_the_rows_of_its_device() {
    let (server, database) = Server::fresh().await;
    server.device("Laptop").await;
    let phone = server.device("Phone").await;
    database
        .execute("INSERT INTO heartbeat.beats SELECT 0, timestamptz '2026-01-01' + i * interval '1 minute' FROM generate_series(1, 200000) AS i")
        .await;
    count_inserted_beats(&database).await;
    let mut obstacle = database.connect().await;
    let mut lock = obstacle.begin().await.expect("a transaction");
    lock.execute("SELECT FROM heartbeat.beats LIMIT 1 FOR UPDATE").await.expect("a row");
    erase(&server, 0).await;
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.erasures WHERE finished_at IS NULL").await, 1);
    tokio::time::timeout(Duration::from_secs(1), phone.beat()).await.expect("a beat that does not wait");
    assert_eq!(server.stranger().stats().await["total_beats"], 1);
}
