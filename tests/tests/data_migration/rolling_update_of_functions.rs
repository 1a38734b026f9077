//! Rolling updates of Lambda functions. The deployment first invokes the migrator, while the functions of the release
//! before go on, and only then switches to those of this release. So every function works on tables that are one release
//! ahead of it for a while.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering::SeqCst},
};

use heartbeat_tests::{Database, Function, database::migrations, eventually, server::SECRET_KEY};
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::rolling_update::{MIGRATIONS, OldProgram, keep_beating, next_migration};

/// Functions that beat at the same time, each for a device of its own.
const FUNCTIONS: usize = 3;

/// Functions `beat` of this release that beat as fast as they can, each in a process of its own.
struct BeatFunctions {
    beating: JoinSet<()>,
    stop: Arc<AtomicBool>,
    accepted: Arc<AtomicI64>,
}

impl BeatFunctions {
    /// Starts one function for each token. Each of their beats must be accepted.
    async fn start(database: &Database, tokens: &[String]) -> Self {
        let (stop, accepted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(0)));
        let mut beating = JoinSet::new();
        for token in tokens {
            let function = Function::start("beat", database, &[]).await;
            let (token, stop, accepted) = (token.clone(), Arc::clone(&stop), Arc::clone(&accepted));
            beating.spawn(async move {
                while !stop.load(SeqCst) {
                    let response = function.request(&Method::POST, "/api/beat", Some(&token), b"").await;
                    assert_eq!(response.status, 200, "{response}");
                    accepted.fetch_add(1, SeqCst);
                }
            });
        }
        Self { beating, stop, accepted }
    }

    /// Waits until `beats` more were accepted.
    async fn wait_for(&mut self, beats: i64) {
        let target = self.accepted.load(SeqCst) + beats;
        eventually("accepted beats", async || {
            assert!(self.beating.try_join_next().is_none(), "a beat was not accepted");
            self.accepted.load(SeqCst) >= target
        })
        .await;
    }

    /// Ends the functions; returns the number of accepted beats.
    async fn stop(self) -> i64 {
        self.stop.store(true, SeqCst);
        self.beating.join_all().await;
        self.accepted.load(SeqCst)
    }
}

/// Registers a device for each function; returns the tokens.
async fn register(database: &Database) -> Vec<String> {
    let owner_function = Function::start("owner", database, &[]).await;
    let mut tokens = Vec::new();
    for number in 0..FUNCTIONS {
        let body = json!({ "name": format!("Device {number}") }).to_string();
        let response =
            owner_function.request(&Method::POST, "/api/devices", Some(SECRET_KEY), body.as_bytes()).await;
        tokens.push(response.json()["token"].as_str().expect("a token").to_owned());
    }
    tokens
}

#[tokio::test]
async fn no_beat_is_refused_while_the_migrator_works_and_the_functions_are_switched() {
    let database = Database::create().await;
    let mut old = OldProgram::set_up(&database).await;
    let (stop, mut beating, mut tokens) = (Arc::new(AtomicBool::new(false)), Vec::new(), Vec::new());
    for number in 0..FUNCTIONS {
        let token = format!("token of device {number}");
        old.add_device(&format!("Device {number}"), &token).await;
        let program = OldProgram::on(&database).await;
        beating.push(tokio::spawn(keep_beating(program, token.clone(), Arc::clone(&stop))));
        tokens.push(token);
    }
    let migrator = Function::start("migrator", &database, &[]).await;
    let applied = migrator.invoke(json!({})).await;
    assert_eq!(applied, Ok(json!({ "migrations_applied": migrations() - MIGRATIONS })));

    // The old functions go on until the last of them is replaced.
    let mut new = BeatFunctions::start(&database, &tokens).await;
    new.wait_for(30).await;
    stop.store(true, SeqCst);
    let mut accepted = 0;
    for program in beating {
        let by_old = program.await.expect("beats that were all accepted");
        assert!(by_old > 0);
        accepted += by_old;
    }
    new.wait_for(10).await;
    accepted += new.stop().await;
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, accepted);
    assert_eq!(old.total_beats().await, accepted);
}

#[tokio::test]
async fn functions_go_on_while_the_tables_are_expanded_for_the_next_release() {
    let database = Database::create().await;
    let migrator = Function::start("migrator", &database, &[]).await;
    migrator.invoke(json!({})).await.expect("tables");
    let tokens = register(&database).await;
    let mut functions = BeatFunctions::start(&database, &tokens).await;
    functions.wait_for(30).await;
    let expand = "ALTER TABLE heartbeat.devices ADD COLUMN color text NOT NULL DEFAULT 'red';
                  CREATE TABLE heartbeat.colors (color text PRIMARY KEY)";
    database.execute(&format!("{expand}; {}", next_migration(env!("CARGO_PKG_VERSION")))).await;
    functions.wait_for(30).await;

    // Those that start now, as well.
    let mut started = BeatFunctions::start(&database, &tokens).await;
    started.wait_for(10).await;
    let accepted = functions.stop().await + started.stop().await;
    assert_eq!(database.number("SELECT count(*) FROM heartbeat.beats").await, accepted);
}
