//! Rolling updates, without downtime: programs of the previous and of this release on one database at the same time.
//! `tests/releases` has the tables and statements that stand in for the previous release.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use heartbeat_tests::{
    Database, Devices, Load, ServerBuilder,
    database::migrations,
    eventually,
    fake_discord::{Behavior, FakeDiscord},
};
use sqlx::{PgConnection, Row, migrate::Migrator, postgres::PgRow};
use time::OffsetDateTime;

const BEAT: &str = include_str!("../../releases/0.1.0/beat.sql");
const BEAT_AGAIN: &str = include_str!("../../releases/0.1.0/beat_again.sql");
const ADD_DEVICE: &str = include_str!("../../releases/0.1.0/add_device.sql");
const ADD_VISITS: &str = include_str!("../../releases/0.1.0/add_visits.sql");
const STATS: &str = include_str!("../../releases/0.1.0/stats.sql");
const CLAIM: &str = include_str!("../../releases/0.1.0/claim.sql");
const FIRST_EVENTS: &str = include_str!("../../releases/0.1.0/first_events.sql");
const SETTLE: &str = include_str!("../../releases/0.1.0/settle.sql");

/// Number of migrations of release 0.1.0.
pub(crate) const MIGRATIONS: usize = 3;

/// A program of release 0.1.0, as the database sees it: one connection, and its statements.
pub(crate) struct OldProgram(PgConnection);

impl OldProgram {
    /// Applies the migrations of its release.
    pub(crate) async fn set_up(database: &Database) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
        let all = Migrator::new(folder).await.expect("migrations");
        let first = all.iter().take(MIGRATIONS).cloned().collect();
        let mut migrator = Migrator::with_migrations(first);
        migrator.dangerous_set_table_name("heartbeat.migrations");
        migrator.create_schema("heartbeat");
        let mut connection = database.connect().await;
        migrator.run_direct(None, &mut connection, false).await.expect("its tables");
        Self(connection)
    }

    pub(crate) async fn on(database: &Database) -> Self {
        Self(database.connect().await)
    }

    /// Registers a device with this token, and enqueues the event for its channel.
    pub(crate) async fn add_device(&mut self, name: &str, token: &str) {
        sqlx::query(ADD_DEVICE)
            .bind(name)
            .bind(hash(token))
            .bind(now())
            .bind(vec!["discord".to_owned()])
            .execute(&mut self.0)
            .await
            .expect("a device");
    }

    /// Records a beat with one of its two statements; returns whether it was accepted.
    pub(crate) async fn beat(&mut self, token: &str, again: bool) -> bool {
        let time = now();
        let rows: Vec<PgRow> = if again {
            let query = sqlx::query(BEAT_AGAIN).bind(hash(token)).bind(vec![time]).bind(time);
            query.fetch_all(&mut self.0).await.expect("a statement that still works")
        } else {
            let wanted = vec!["discord".to_owned()];
            let query = sqlx::query(BEAT).bind(vec![hash(token)]).bind(vec![time]);
            let query = query.bind(3600.0).bind(wanted.clone()).bind(wanted);
            query.fetch_all(&mut self.0).await.expect("a statement that still works")
        };
        rows.len() == 1
    }

    async fn add_visit(&mut self) {
        sqlx::query(ADD_VISITS).bind(1_i64).execute(&mut self.0).await.expect("a visit");
    }

    /// Number of beats of all devices, as its pages show it.
    pub(crate) async fn total_beats(&mut self) -> i64 {
        let rows = sqlx::query(STATS).fetch_all(&mut self.0).await.expect("stats");
        rows.iter().map(|row| row.get::<i64, _>("num_beats")).sum()
    }

    /// Claims the lease of its channel; returns the ids of the first events, none without the lease.
    async fn claim(&mut self) -> Vec<i64> {
        let claim = sqlx::query(CLAIM).bind("discord").bind("old").bind(30.0);
        if claim.fetch_optional(&mut self.0).await.expect("a lease").is_none() {
            return Vec::new();
        }
        let first = sqlx::query(FIRST_EVENTS).bind("discord").bind(10_i64);
        first.fetch_all(&mut self.0).await.expect("events").iter().map(|row| row.get("id")).collect()
    }

    async fn settle(&mut self, events: Vec<i64>) {
        let settle = sqlx::query(SETTLE).bind("discord").bind(events).bind(0.0);
        settle.execute(&mut self.0).await.expect("settled events");
    }
}

fn hash(token: &str) -> Vec<u8> {
    heartbeat_core::token::TokenHash::of(token.as_bytes()).as_bytes().to_vec()
}

#[expect(clippy::disallowed_methods, reason = "the old program reads the same clock as the server")]
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// Beats with the statements of the old program until `stop` is set; returns the number of accepted beats.
pub(crate) async fn keep_beating(mut program: OldProgram, token: String, stop: Arc<AtomicBool>) -> i64 {
    let mut accepted = 0;
    while !stop.load(SeqCst) {
        assert!(program.beat(&token, accepted % 3 > 0).await, "a beat was rejected");
        accepted += 1;
    }
    accepted
}

#[tokio::test]
async fn the_previous_release_and_this_one_beat_side_by_side_and_nothing_is_lost_or_rejected() {
    let database = Database::create().await;
    let mut old = OldProgram::set_up(&database).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut beating = Vec::new();
    for number in 0..4 {
        let token = format!("token of device {number}");
        old.add_device(&format!("Old device {number}"), &token).await;
        let program = OldProgram::on(&database).await;
        beating.push(tokio::spawn(keep_beating(program, token, Arc::clone(&stop))));
    }

    // The new release starts while the old one works.
    let server = ServerBuilder::on(&database).start().await;
    let expanded =
        format!("expanded the tables in schema heartbeat migrations={}", migrations() - MIGRATIONS);
    assert!(server.log().contains(&expanded), "{}", server.log());
    let devices = Devices::register(&server.owner(), 4).await;
    let load = Load::start(&server.stranger(), &devices);
    devices.wait_for_acknowledged(200).await;
    old.add_visit().await;
    // Each knows the devices of the other.
    server.stranger().authorized("token of device 0").beat().await;
    stop.store(true, SeqCst);
    let mut by_old = 0;
    for program in beating {
        by_old += program.await.expect("beats that were all accepted");
    }
    load.stop().await;

    assert!(by_old > 20, "{by_old}");
    assert_eq!(devices.rejected(), 0);
    let acknowledged = devices.acknowledged() + by_old + 1;
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, acknowledged);
    assert_eq!(old.total_beats().await, acknowledged);
    eventually("all beats in the new program's stats", async || {
        server.stranger().stats().await["total_beats"] == acknowledged
    })
    .await;
}

#[tokio::test]
async fn events_of_the_previous_release_are_delivered_once_by_either_of_the_two() {
    let database = Database::create().await;
    let mut old = OldProgram::set_up(&database).await;
    old.add_device("Laptop", "token").await;
    let events = old.claim().await;
    assert_eq!(events.len(), 1, "the device that was added");

    let mut discord = FakeDiscord::start(Behavior::Accepts).await;
    let server = ServerBuilder::on(&database)
        .environment("HEARTBEAT_WEBHOOK_URL", &discord.url)
        .environment("HEARTBEAT_WEBHOOK_LEVEL", "new_devices")
        .start()
        .await;
    // While the old program holds its lease, only it delivers its events.
    server.owner().register("Phone").await;
    let (_, message) = discord.message().await;
    assert!(message.to_string().contains("Phone"), "{message}");
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.events").await, 1);
    old.settle(events).await;

    // Events that it leaves behind are delivered by the new program.
    old.add_device("Tablet", "another token").await;
    database.execute("UPDATE heartbeat.receivers SET held_until = '-infinity'").await;
    let (_, message) = discord.message().await;
    assert!(message.to_string().contains("Tablet"), "{message}");
    eventually("no events left", async || {
        database.number("SELECT count(*) FROM heartbeat.events").await == 0
            && database.number("SELECT count(*) FROM heartbeat.outbox").await == 0
    })
    .await;
    assert!(discord.embeds().is_empty());
}

#[tokio::test]
async fn events_of_a_previous_release_that_never_delivered_any_are_delivered() {
    let database = Database::create().await;
    let mut old = OldProgram::set_up(&database).await;
    old.add_device("Laptop", "token").await;
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.receivers").await, 0, "it never had a lease");
    let mut discord = FakeDiscord::start(Behavior::Accepts).await;
    let _server = ServerBuilder::on(&database)
        .environment("HEARTBEAT_WEBHOOK_URL", &discord.url)
        .environment("HEARTBEAT_WEBHOOK_LEVEL", "new_devices")
        .start()
        .await;
    let (_, message) = discord.message().await;
    assert!(message.to_string().contains("Laptop"), "{message}");
}

#[tokio::test]
async fn of_many_new_programs_on_old_tables_one_expands_them_and_all_run() {
    let database = Database::create().await;
    let mut old = OldProgram::set_up(&database).await;
    old.add_device("Laptop", "token").await;
    let servers: Vec<_> = (0..8)
        .map(|_| {
            let builder = ServerBuilder::on(&database);
            tokio::spawn(async move { builder.start().await })
        })
        .collect();
    let mut expanded = 0;
    for server in servers {
        let server = server.await.expect("a running server");
        expanded += server.log().matches("expanded the tables").count();
        server.stranger().authorized("token").beat().await;
    }
    assert_eq!(expanded, 1);
    assert!(old.beat("token", false).await);
}

/// Statements that record a migration of the next release, which serves releases from this one on.
pub(crate) fn next_migration(serves: &str) -> String {
    format!(
        "DELETE FROM heartbeat.migrations WHERE version > 1000;
         DELETE FROM heartbeat.compatibility WHERE migration > 1000;
         INSERT INTO heartbeat.migrations (version, description, success, checksum, execution_time)
         VALUES (1001, 'of the next release', true, '', 0);
         INSERT INTO heartbeat.compatibility VALUES (1001, '9.0.0', '{serves}')"
    )
}

#[tokio::test]
async fn a_program_works_on_tables_of_the_next_release_that_serve_it() {
    let database = Database::create().await;
    drop(ServerBuilder::on(&database).start().await);
    database.execute(&next_migration(env!("CARGO_PKG_VERSION"))).await;
    let server = ServerBuilder::on(&database).start().await;
    server.device("Laptop").await.beat().await;
    drop(server);

    database.execute(&next_migration("9.0.0")).await;
    let (code, output) = ServerBuilder::on(&database).run().await;
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("install that version or a later one"), "{output}");
}
