//! Legacy import, interrupted: the database is as before.

use heartbeat_tests::{Database, ServerBuilder, eventually};
use rustix::process::Signal;

use crate::legacy_database;

/// Makes the import wait for a lock right after a kind of statement.
async fn block_after(database: &Database, statement: &str) {
    database
        .execute(&format!(
            "CREATE FUNCTION wait() RETURNS event_trigger LANGUAGE plpgsql AS
                 $$ BEGIN PERFORM pg_advisory_xact_lock(1); END $$;
             CREATE EVENT TRIGGER block_import ON ddl_command_end WHEN TAG IN ('{statement}')
                 EXECUTE FUNCTION wait();"
        ))
        .await;
}

#[tokio::test]
async fn at_any_point_the_database_is_as_before_and_the_next_attempt_succeeds() {
    // After the legacy tables were renamed; after some new ones were created; after everything was copied, and the
    // legacy ones dropped.
    for statement in ["CREATE SCHEMA", "CREATE TABLE", "DROP TABLE"] {
        for signal in [Signal::KILL, Signal::TERM] {
            let database = legacy_database::database(10_000).await;
            let before = legacy_database::fingerprint(&database).await;
            block_after(&database, statement).await;
            let mut holder = database.connect().await;
            sqlx::raw_sql("SELECT pg_advisory_lock(1)").execute(&mut holder).await.expect("a lock");
            let mut interrupted = legacy_database::migrate(&database).spawn();
            let waiting = "SELECT count(*) FROM pg_stat_activity
                           WHERE datname = current_database() AND wait_event = 'advisory'";
            eventually("a migration that waits", async || database.number(waiting).await == 1).await;
            interrupted.signal(signal);
            let status = interrupted.ended().await;
            if signal == Signal::TERM {
                assert_eq!(status.code(), Some(1));
                interrupted.wait_for("heartbeat: interrupted; nothing was changed").await;
            }
            sqlx::raw_sql("SELECT pg_advisory_unlock(1)")
                .execute(&mut holder)
                .await
                .expect("a released lock");
            drop(holder);
            database.execute("DROP EVENT TRIGGER block_import").await;
            assert_eq!(legacy_database::fingerprint(&database).await, before, "{signal:?} after {statement}");

            let (code, output) = legacy_database::migrate(&database).run().await;
            assert_eq!(code, 0, "{output}");
            let server = ServerBuilder::on(&database).start().await;
            assert_eq!(server.stranger().stats().await["total_beats"], 10_000);
        }
    }
}

#[tokio::test]
async fn while_the_tables_are_in_use_it_says_so() {
    let database = legacy_database::database(100).await;
    let mut user = database.connect().await;
    sqlx::raw_sql("BEGIN; SELECT FROM heartbeat.devices").execute(&mut user).await.expect("a reader");
    let (code, output) = legacy_database::migrate(&database).run().await;
    assert_eq!(code, 1);
    let expected =
        "heartbeat: database: the tables are in use; stop every other Heartbeat first (SQLSTATE 55P03)\n";
    assert_eq!(output, expected);
}
