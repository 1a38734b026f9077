//! Devices with ids that JavaScript rounds, in a database that release 0.1.0 imported with them.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use heartbeat_tests::{Database, ServerBuilder, eventually};

use crate::{
    assert_named_by_former_id,
    rolling_update::{OldProgram, keep_beating},
};

const LAPTOP: i64 = 912_840_992_904_712_192;
const PHONE: i64 = 912_840_992_904_712_193;

/// Creates a database of release 0.1.0 with a tablet, and with a laptop and a phone that have large ids, an absence
/// and an event that waits.
async fn database() -> (Database, OldProgram) {
    let database = Database::create().await;
    let mut old = OldProgram::set_up(&database).await;
    for (name, token) in [("Laptop", "laptop's"), ("Phone", "phone's"), ("Tablet", "tablet's")] {
        old.add_device(name, token).await;
    }
    database
        .execute(&format!(
            "UPDATE heartbeat.devices SET id = {LAPTOP} WHERE id = 0;
             UPDATE heartbeat.devices SET id = {PHONE} WHERE id = 1;
             DELETE FROM heartbeat.events;
             INSERT INTO heartbeat.events (receiver, kind, device, happened_at)
                 VALUES ('discord', 'device_added', {LAPTOP}, now());
             INSERT INTO heartbeat.absences (ended_by, started_at, ended_at)
                 VALUES ({PHONE}, now() - interval '3 hours', now() - interval '1 hour')"
        ))
        .await;
    for _ in 0..5 {
        assert!(old.beat("laptop's", false).await);
        assert!(old.beat("phone's", true).await);
    }
    (database, old)
}

#[tokio::test]
async fn they_get_small_ids_and_go_on_being_named_by_the_former_ones() {
    let (database, mut old) = database().await;
    let server = ServerBuilder::on(&database).start().await;
    let ids = server.stranger().stats().await["devices"].as_array().map(|devices| {
        devices.iter().map(|it| (it["id"].as_i64().expect("an id"), it["name"].clone())).collect::<Vec<_>>()
    });
    assert_eq!(ids, Some(vec![(2, "Tablet".into()), (3, "Laptop".into()), (4, "Phone".into())]));
    assert_named_by_former_id(&server, &LAPTOP.to_string(), 3, "Laptop").await;
    assert!(old.beat("phone's", false).await);
    assert_eq!(old.total_beats().await, 13);
    assert_eq!(database.number("SELECT device FROM heartbeat.events").await, 3);
    assert_eq!(database.number("SELECT ended_by FROM heartbeat.absences").await, 4);
    // Numbers that were never an id, and an id of nobody any more.
    for id in ["0", "912840992904712194", "-1"] {
        let badge = server.stranger().get(&format!("/badge/total-beats?device={id}")).await;
        assert_eq!(badge.status, 404, "{id}");
    }
    assert_eq!(server.owner().register("New").await.0, 5);
}

#[tokio::test]
async fn while_they_get_small_ids_beats_of_the_previous_release_are_neither_lost_nor_rejected() {
    let (database, _) = database().await;
    let stop = Arc::new(AtomicBool::new(false));
    let beating: Vec<_> = {
        let mut beating = Vec::new();
        for token in ["laptop's", "phone's", "tablet's"] {
            let program = OldProgram::on(&database).await;
            beating.push(tokio::spawn(keep_beating(program, token.to_owned(), Arc::clone(&stop))));
        }
        beating
    };
    let before = database.number("SELECT count(*) FROM heartbeat.beats").await;
    eventually("beats", async || database.number("SELECT count(*) FROM heartbeat.beats").await > before + 30)
        .await;
    let server = ServerBuilder::on(&database).start().await;
    let expanded = database.number("SELECT count(*) FROM heartbeat.beats").await;
    eventually("more", async || {
        database.number("SELECT count(*) FROM heartbeat.beats").await > expanded + 30
    })
    .await;
    stop.store(true, SeqCst);
    let mut accepted = 10;
    for program in beating {
        accepted += program.await.expect("beats that were all accepted");
    }
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, accepted);
    eventually("all beats in the stats", async || server.stranger().stats().await["total_beats"] == accepted)
        .await;
}

#[tokio::test]
async fn migrate_replaces_them_in_the_beats_and_an_export_does_not_wait_for_that() {
    let (database, _) = database().await;
    drop(ServerBuilder::on(&database).start().await);
    let former = format!("SELECT count(*) FROM heartbeat.beats WHERE device IN ({LAPTOP}, {PHONE})");
    assert_eq!(database.number(&former).await, 10);
    let export = ServerBuilder::on(&database).argument("export");
    let before = export.pipe("").await.stdout;
    let (code, output) = ServerBuilder::on(&database).argument("migrate").run().await;
    assert_eq!(code, 0, "{output}");
    assert_eq!(database.number(&former).await, 0);
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats WHERE device IN (3, 4)").await, 10);
    assert_eq!(sorted(&before), sorted(&export.pipe("").await.stdout));
}

/// Lines of an export, sorted: the order of beats is that of the table.
fn sorted(export: &[u8]) -> Vec<String> {
    let mut lines: Vec<String> = String::from_utf8_lossy(export).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}
