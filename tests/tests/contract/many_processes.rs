//! Several servers on one database.

use std::time::{Duration, Instant};

use heartbeat_tests::{Database, Server, ServerBuilder, database::migrations};

#[tokio::test]
async fn a_beat_is_in_the_other_servers_answers_within_a_second() {
    let (one, database) = Server::fresh().await;
    let other = ServerBuilder::on(&database).start().await;
    let laptop = one.device("Laptop").await;
    // The other has fresh figures in memory at the moment of the beat.
    assert_eq!(other.stranger().stats().await["total_beats"], 0);
    laptop.beat().await;
    let acknowledged = Instant::now();
    loop {
        let a_second_later = acknowledged.elapsed() >= Duration::from_secs(1);
        if other.stranger().stats().await["total_beats"] == 1 {
            break;
        }
        assert!(!a_second_later, "an answer asked for a second after the beat did not have it");
    }
}

#[tokio::test]
async fn servers_that_start_together_on_an_empty_database_set_it_up_once() {
    let database = Database::create().await;
    let servers = (0..8).map(|_| {
        let builder = ServerBuilder::on(&database);
        tokio::spawn(async move { builder.start().await })
    });
    let mut set_up = 0;
    for server in servers.collect::<Vec<_>>() {
        let server = server.await.expect("a running server");
        set_up += server.log().matches("set up the tables").count();
        assert_eq!(server.stranger().stats().await["total_beats"], 0);
    }
    assert_eq!(set_up, 1);
}

#[tokio::test]
async fn beats_of_the_same_devices_through_several_servers_all_count() {
    let (one, database) = Server::fresh().await;
    let other = ServerBuilder::on(&database).start().await;
    let mut tokens = Vec::new();
    for number in 0..10 {
        tokens.push(one.owner().register(&format!("Device {number}")).await.1);
    }
    let beats = (0..400).map(|number| {
        let server = if number % 2 == 0 { &one } else { &other };
        let device = server.stranger().authorized(&tokens[(number * 7) % 10]);
        tokio::spawn(async move { device.beat().await })
    });
    for beat in beats.collect::<Vec<_>>() {
        beat.await.expect("a recorded beat");
    }
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, 400);
    assert_eq!(database.number("SELECT sum(num_beats)::bigint FROM heartbeat.devices").await, 400);
}

#[tokio::test]
async fn migrating_an_up_to_date_database_changes_nothing_and_says_so() {
    let database = Database::create().await;
    let builder = ServerBuilder::on(&database).argument("migrate");
    let applied = format!("The database is up to date: {} migrations were applied.\n", migrations());
    assert_eq!(builder.run().await, (0, applied));
    assert_eq!(builder.run().await, (0, "The database is up to date.\n".to_owned()));
}

#[tokio::test]
async fn a_server_stops_on_tables_that_are_not_its_own_and_says_what_to_do() {
    let cases = [
        ("UPDATE heartbeat.migrations SET version = version + 1000", "install that version or a later one"),
        ("DELETE FROM heartbeat.migrations", "tables that no Heartbeat made"),
    ];
    for (change, advice) in cases {
        let (server, database) = Server::fresh().await;
        drop(server);
        database.execute(change).await;
        let (code, said) = ServerBuilder::on(&database).run().await;
        assert_eq!(code, 1, "{said}");
        assert!(said.lines().last().is_some_and(|line| line.contains(advice)), "{said}");
    }
}

#[tokio::test]
async fn on_tables_that_must_be_contracted_a_server_stops_and_migrate_brings_them_up_to_date() {
    let (server, database) = Server::fresh().await;
    server.device("Laptop").await.beat().await;
    drop(server);
    // As a release left them that no missing migration serves.
    database
        .execute(
            "DELETE FROM heartbeat.migrations WHERE version = 7;
             DROP TABLE heartbeat.editor_keys;
             UPDATE heartbeat.compatibility SET release = '0.0.9'",
        )
        .await;
    let builder = ServerBuilder::on(&database);
    let (code, said) = builder.run().await;
    assert_eq!(code, 1, "{said}");
    assert!(said.lines().last().is_some_and(|line| line.contains("run `heartbeat migrate`")), "{said}");

    let migrate = builder.clone().argument("migrate");
    assert_eq!(migrate.run().await, (0, "The database is up to date: 1 migration was applied.\n".to_owned()));
    assert_eq!(builder.start().await.stranger().stats().await["total_beats"], 1);
}
