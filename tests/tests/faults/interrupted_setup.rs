//! Processes killed while they set a database up.

use heartbeat_tests::{Database, ServerBuilder, eventually};
use rustix::process::Signal;

/// Event trigger that makes the setup of the database wait for a lock, half way through.
const BLOCKING_TRIGGER: &str = "
    CREATE FUNCTION wait() RETURNS event_trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF to_regclass('heartbeat.connections') IS NOT NULL THEN
                PERFORM pg_advisory_xact_lock(1);
            END IF;
        END
    $$;
    CREATE EVENT TRIGGER block_setup ON ddl_command_end EXECUTE FUNCTION wait();
";

#[tokio::test]
async fn a_process_that_is_killed_while_it_sets_the_database_up_is_no_obstacle_to_the_next() {
    for migrates in [false, true] {
        let database = Database::create().await;
        database.execute(BLOCKING_TRIGGER).await;
        let mut holder = database.connect().await;
        sqlx::raw_sql("SELECT pg_advisory_lock(1)").execute(&mut holder).await.expect("a lock");
        let builder = ServerBuilder::on(&database);
        let killed = if migrates { builder.clone().argument("migrate") } else { builder.clone() };
        let mut killed = killed.spawn();
        let waiting = "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
                       WHERE datname = current_database() AND locktype = 'advisory' AND objid = 1 AND NOT granted";
        eventually("a setup that waits", async || database.number(waiting).await == 1).await;
        killed.signal(Signal::KILL);
        killed.ended().await;
        sqlx::raw_sql("SELECT pg_advisory_unlock(1)").execute(&mut holder).await.expect("a released lock");

        let server = builder.start().await;
        server.device("Laptop").await.beat().await;
    }
}
